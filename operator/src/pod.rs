//! What all pods of the operator have alike.

use crate::names::HTTP_PORT;
use gantry_crds::Scheduling;
use k8s_openapi::api::core::v1::{
    Capabilities, ContainerPort, HTTPGetAction, PodSecurityContext, PodSpec, Probe, SeccompProfile,
    SecurityContext,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// User and group of the images.
const USER: i64 = 10001;

/// Passes the `restricted` Pod Security Standard; volumes belong to the group.
pub(crate) fn pod_security() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(USER),
        fs_group: Some(USER),
        // A store has many files: their owner is set when the volume is new, not at every start.
        fs_group_change_policy: Some("OnRootMismatch".into()),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".into(), localhost_profile: None }),
        ..PodSecurityContext::default()
    }
}

/// Passes the `restricted` Pod Security Standard.
pub(crate) fn container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".into()]), add: None }),
        read_only_root_filesystem: Some(true),
        run_as_non_root: Some(true),
        ..SecurityContext::default()
    }
}

/// Puts the pod where the spec wants it.
pub(crate) fn schedule(pod: &mut PodSpec, scheduling: Option<&Scheduling>) {
    let Some(wanted) = scheduling.cloned() else { return };
    pod.node_selector = Some(wanted.node_selector).filter(|labels| !labels.is_empty());
    pod.tolerations = Some(wanted.tolerations).filter(|list| !list.is_empty());
    pod.affinity = wanted.affinity;
    pod.topology_spread_constraints =
        Some(wanted.topology_spread_constraints).filter(|list| !list.is_empty());
    pod.priority_class_name = wanted.priority_class_name;
}

pub(crate) fn port(name: &str, number: i32) -> ContainerPort {
    ContainerPort {
        name: Some(name.into()),
        container_port: number,
        protocol: Some("TCP".into()),
        ..ContainerPort::default()
    }
}

/// The process serves.
pub(crate) fn liveness() -> Probe {
    Probe {
        period_seconds: Some(10),
        failure_threshold: Some(6),
        timeout_seconds: Some(5),
        ..get("/healthz")
    }
}

/// Clients can use it.
pub(crate) fn readiness() -> Probe {
    Probe { period_seconds: Some(2), failure_threshold: Some(2), timeout_seconds: Some(2), ..get("/readyz") }
}

fn get(path: &str) -> Probe {
    let http_get = HTTPGetAction {
        path: Some(path.into()),
        port: IntOrString::Int(HTTP_PORT),
        ..HTTPGetAction::default()
    };
    Probe { http_get: Some(http_get), ..Probe::default() }
}
