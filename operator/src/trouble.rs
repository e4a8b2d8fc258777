//! What keeps pods from running, in words. Pure.

use crate::outcome::{Outcome, in_progress, stalled};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ContainerState, Pod};

/// What to tell until [`has_seen`].
pub(crate) const NOT_SEEN: &str = "Kubernetes has not seen the change of the StatefulSet yet";

/// Whether the status of the set, and so its pods, are about its present template.
pub(crate) fn has_seen(set: &StatefulSet) -> bool {
    set.status.as_ref().is_some_and(|status| status.observed_generation == set.metadata.generation)
}

/// Whether the pod is ready for clients.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
        && pod.metadata.deletion_timestamp.is_none()
}

/// Why the first of these pods that does not run does not, if Kubernetes knows.
pub(crate) fn trouble<'a>(pods: impl IntoIterator<Item = &'a Pod>) -> Option<Outcome> {
    // One that is going is of the past: it may have been told to go because of its trouble.
    pods.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).find_map(of)
}

fn of(pod: &Pod) -> Option<Outcome> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let status = pod.status.as_ref()?;
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let unscheduled = conditions.iter().find(|one| one.type_ == "PodScheduled" && one.status == "False");
    if let Some(condition) = unscheduled {
        let message = condition.message.as_deref().unwrap_or_default();
        return Some(in_progress(
            "Unschedulable",
            format!(
                "pod {name} finds no node: {message}. Free resources, or change resources, scheduling or storage"
            ),
        ));
    }
    status.container_statuses.iter().flatten().find_map(|container| {
        let state = container.state.as_ref()?;
        let waiting = state.waiting.as_ref()?;
        let reason = waiting.reason.as_deref().unwrap_or_default();
        let message = waiting.message.as_deref().unwrap_or_default();
        match reason {
            "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => Some(stalled(
                "ImageUnavailable",
                format!(
                    "pod {name} cannot get image {}: {message}. Set spec.image to one that exists",
                    container.image
                ),
            )),
            "CrashLoopBackOff" => Some(stalled(
                "Crashing",
                format!(
                    "pod {name} ended {} times: {}",
                    container.restart_count,
                    last_words(container.last_state.as_ref()).unwrap_or("see its log")
                ),
            )),
            "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
                Some(stalled("CannotStart", format!("pod {name} cannot start: {message}")))
            }
            _ => None,
        }
    })
}

/// The end of what the process said before it ended: the pods' terminationMessagePolicy takes it from the log.
fn last_words(state: Option<&ContainerState>) -> Option<&str> {
    let message = state?.terminated.as_ref()?.message.as_deref()?.trim();
    let line = message.lines().next_back()?;
    Some(line.get(line.len().saturating_sub(400)..).unwrap_or(line)).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(status: serde_json::Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "p"}, "status": status})).unwrap()
    }

    fn waiting(reason: &str, last: &str) -> Pod {
        pod(json!({"containerStatuses": [{
            "name": "c", "image": "x:1", "imageID": "", "ready": false, "restartCount": 3,
            "state": {"waiting": {"reason": reason, "message": "m"}},
            "lastState": {"terminated": {"exitCode": 1, "message": last}}
        }]}))
    }

    #[test]
    fn a_wrong_image_needs_somebody_to_act() {
        let found = trouble(&[waiting("ImagePullBackOff", "")]).unwrap();
        assert!(
            found.is_stalled() && found.reason() == "ImageUnavailable" && found.message().contains("x:1")
        );
    }

    #[test]
    fn a_crashing_pod_has_its_last_words_told() {
        let found = trouble(&[waiting("CrashLoopBackOff", "first\nthe disk is full\n")]).unwrap();
        assert!(
            found.is_stalled()
                && found.reason() == "Crashing"
                && found.message().ends_with("the disk is full")
        );
    }

    #[test]
    fn a_pod_that_is_going_is_of_the_past() {
        let mut pod = waiting("ImagePullBackOff", "");
        pod.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
        assert_eq!(trouble(&[pod]), None);
    }

    #[test]
    fn a_pod_that_is_starting_is_no_trouble() {
        assert_eq!(trouble(&[waiting("ContainerCreating", ""), pod(json!({}))]), None);
    }
}
