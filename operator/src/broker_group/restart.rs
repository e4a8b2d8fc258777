//! Whether a broker's pod has to be made anew, and why. Pure.

use super::config::{Settings, changed};
use crate::names::{CONFIG, RESTART, REVISION};
use crate::trouble::{has_seen, is_ready};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, PodSpec};

/// A pod that has to be made anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Restart {
    pub(super) pod: String,
    pub(super) uid: String,
    /// What differs, for people.
    pub(super) reasons: Vec<String>,
    /// It serves now, so its turn has to come; one that does not serve has nothing to lose.
    pub(super) serves: bool,
}

/// The first pod that is not as `set` wants its pods. None while Kubernetes has not looked at the set.
pub(super) fn needed(set: &StatefulSet, pods: &[Pod]) -> Option<Restart> {
    let wanted = set.status.as_ref().filter(|_| has_seen(set))?.update_revision.as_deref()?;
    let outdated = pods.iter().find(|pod| {
        let revision = pod.metadata.labels.as_ref().and_then(|labels| labels.get(REVISION));
        pod.metadata.deletion_timestamp.is_none() && revision.is_some_and(|revision| revision != wanted)
    })?;
    Some(Restart {
        pod: outdated.metadata.name.clone()?,
        uid: outdated.metadata.uid.clone()?,
        reasons: reasons(outdated, set),
        serves: is_ready(outdated),
    })
}

fn reasons(pod: &Pod, set: &StatefulSet) -> Vec<String> {
    let mut reasons = Vec::new();
    let Some(template) = set.spec.as_ref().map(|spec| &spec.template) else { return reasons };
    let of = |annotations: Option<&std::collections::BTreeMap<String, String>>, name: &str| {
        annotations.and_then(|all| all.get(name)).cloned()
    };
    let wanted = template.metadata.as_ref().and_then(|meta| meta.annotations.as_ref());
    let settings = |annotations| -> Settings {
        of(annotations, CONFIG).and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    };
    reasons.extend(changed(&settings(pod.metadata.annotations.as_ref()), &settings(wanted)));
    if of(pod.metadata.annotations.as_ref(), RESTART) != of(wanted, RESTART) {
        reasons.push(format!("annotation {RESTART}"));
    }
    if let (Some(before), Some(after)) = (&pod.spec, &template.spec) {
        reasons.extend(in_spec(before, after));
    }
    if reasons.is_empty() {
        reasons.push("pod template".into());
    }
    reasons
}

fn in_spec(before: &PodSpec, after: &PodSpec) -> Vec<String> {
    let (Some(old), Some(new)) = (before.containers.first(), after.containers.first()) else {
        return Vec::new();
    };
    let mut reasons = Vec::new();
    if old.image != new.image {
        let text = |image: &Option<String>| image.clone().unwrap_or_default();
        reasons.push(format!("image {} -> {}", text(&old.image), text(&new.image)));
    }
    if old.resources.clone().unwrap_or_default() != new.resources.clone().unwrap_or_default() {
        reasons.push("resources".into());
    }
    if before.node_selector != after.node_selector
        || before.affinity != after.affinity
        || before.topology_spread_constraints != after.topology_spread_constraints
        || before.priority_class_name.as_deref().unwrap_or_default()
            != after.priority_class_name.as_deref().unwrap_or_default()
    {
        reasons.push("scheduling".into());
    }
    if before.termination_grace_period_seconds != after.termination_grace_period_seconds {
        reasons.push("leaveSeconds".into());
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn set(template: Value) -> StatefulSet {
        serde_json::from_value(json!({
            "metadata": {"generation": 2},
            "spec": {"selector": {}, "template": template},
            "status": {"observedGeneration": 2, "replicas": 1, "updateRevision": "new"}
        }))
        .unwrap()
    }

    fn pod(revision: &str, config: &Value, image: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "a-0", "uid": "u", "labels": {REVISION: revision}, "annotations": {CONFIG: config.to_string()}},
            "spec": {"containers": [{"name": "broker", "image": image}]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}
        }))
        .unwrap()
    }

    fn template(config: &Value, image: &str) -> Value {
        json!({
            "metadata": {"annotations": {CONFIG: config.to_string()}},
            "spec": {"containers": [{"name": "broker", "image": image}]}
        })
    }

    #[test]
    fn a_restart_says_what_changed() {
        let set = set(template(&json!({"flushDiskType": "SYNC_FLUSH"}), "b:2"));
        let restart = needed(&set, &[pod("old", &json!({"flushDiskType": "ASYNC_FLUSH"}), "b:1")]).unwrap();
        assert_eq!(restart.reasons, ["flushDiskType ASYNC_FLUSH -> SYNC_FLUSH", "image b:1 -> b:2"]);
        assert!(restart.serves);
    }

    #[test]
    fn a_pod_of_the_wanted_revision_stays() {
        let set = set(template(&json!({}), "b:2"));
        assert_eq!(needed(&set, &[pod("new", &json!({}), "b:2")]), None);
    }

    #[test]
    fn nothing_restarts_before_kubernetes_has_seen_the_change() {
        let mut set = set(template(&json!({}), "b:2"));
        set.metadata.generation = Some(3);
        assert_eq!(needed(&set, &[pod("old", &json!({}), "b:1")]), None);
    }
}
