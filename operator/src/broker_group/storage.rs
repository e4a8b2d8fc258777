//! Volumes that grow. Pure.

use super::objects::claim;
use crate::apply::{Step, quantity};
use gantry_crds::BrokerGroup;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt as _;

/// What has to happen for the volumes to have the size of the spec.
pub(super) fn steps(
    object: &BrokerGroup,
    set: Option<&StatefulSet>,
    claims: &[PersistentVolumeClaim],
) -> Vec<Step> {
    let wanted = &object.spec.storage.size;
    let grow: Vec<Step> = claims
        .iter()
        .filter(|found| found.name_any() == claim(&object.name_any()))
        .filter(|found| requested(found).is_some_and(|has| is_less(has, wanted)))
        .map(|found| Step::GrowVolume { claim: found.name_any(), size: wanted.0.clone() })
        .collect();
    if !grow.is_empty() {
        return grow;
    }
    // The template of the claims cannot be changed: the set is made anew around its pods.
    let in_template = set.and_then(|set| {
        let template = set.spec.as_ref()?.volume_claim_templates.as_ref()?.first()?;
        template.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?.get("storage")
    });
    match (in_template, set) {
        (Some(has), Some(set)) if is_different(has, wanted) => vec![Step::Orphan { name: set.name_any() }],
        _ => Vec::new(),
    }
}

/// A volume that is smaller than the spec asks, in words.
pub(super) fn growing(object: &BrokerGroup, claims: &[PersistentVolumeClaim]) -> Option<String> {
    let wanted = &object.spec.storage.size;
    claims.iter().find_map(|claim| {
        let has = capacity(claim)?;
        is_less(has, wanted).then(|| {
            let (name, has, wanted) = (claim.name_any(), &has.0, &wanted.0);
            let conditions = claim.status.as_ref().and_then(|status| status.conditions.as_ref());
            let told = conditions.and_then(|all| all.iter().find_map(|one| one.message.clone()));
            let waiting =
                format!("volume {name} has {has} and shall have {wanted}; waiting for the platform");
            told.map_or_else(|| waiting.clone(), |told| format!("{waiting}: {told}"))
        })
    })
}

/// Size that the platform reports.
pub(super) fn capacity(claim: &PersistentVolumeClaim) -> Option<&Quantity> {
    claim.status.as_ref()?.capacity.as_ref()?.get("storage")
}

fn requested(claim: &PersistentVolumeClaim) -> Option<&Quantity> {
    claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?.get("storage")
}

fn is_less(a: &Quantity, b: &Quantity) -> bool {
    matches!((quantity(&a.0), quantity(&b.0)), (Some(a), Some(b)) if a < b)
}

fn is_different(a: &Quantity, b: &Quantity) -> bool {
    is_less(a, b) || is_less(b, a)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn group(size: &str) -> BrokerGroup {
        serde_json::from_value(json!({
            "apiVersion": "gantry.dev/v1alpha1", "kind": "BrokerGroup", "metadata": {"name": "main"},
            "spec": {"storage": {"size": size}}
        }))
        .unwrap()
    }

    fn claim_of(requested: &str, capacity: &str) -> PersistentVolumeClaim {
        serde_json::from_value(json!({
            "metadata": {"name": "data-main-0"},
            "spec": {"resources": {"requests": {"storage": requested}}},
            "status": {"capacity": {"storage": capacity}}
        }))
        .unwrap()
    }

    fn set(size: &str) -> StatefulSet {
        serde_json::from_value(json!({
            "metadata": {"name": "main"},
            "spec": {"selector": {}, "template": {}, "volumeClaimTemplates": [
                {"spec": {"resources": {"requests": {"storage": size}}}}
            ]}
        }))
        .unwrap()
    }

    #[test]
    fn volumes_grow_before_the_set_is_made_anew() {
        let set = set("1Gi");
        let steps_for = |claim| steps(&group("2Gi"), Some(&set), &[claim]);
        let grow = Step::GrowVolume { claim: "data-main-0".into(), size: "2Gi".into() };
        assert_eq!(steps_for(claim_of("1Gi", "1Gi")), [grow]);
        assert_eq!(steps_for(claim_of("2Gi", "1Gi")), [Step::Orphan { name: "main".into() }]);
    }

    #[test]
    fn nothing_happens_when_all_have_the_size() {
        assert_eq!(steps(&group("1024Mi"), Some(&set("1Gi")), &[claim_of("1Gi", "1Gi")]), []);
        assert_eq!(growing(&group("1Gi"), &[claim_of("1Gi", "1Gi")]), None);
        assert!(growing(&group("2Gi"), &[claim_of("2Gi", "1Gi")]).unwrap().contains("shall have 2Gi"));
    }

    #[test]
    fn a_larger_volume_that_was_found_is_left_as_it_is() {
        assert_eq!(steps(&group("1Gi"), Some(&set("1Gi")), &[claim_of("5Gi", "5Gi")]), []);
    }
}
