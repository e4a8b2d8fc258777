//! What to do for a BrokerGroup. Pure.

use super::config::{self, Addresses};
use super::objects;
use super::restart::{self, Restart};
use super::storage;
use super::surroundings::{Surroundings, disk_full};
use crate::apply::{Step, diff};
use crate::args::Settings;
use crate::failure::Failure;
use crate::names::{BROKER_PORT, external};
use crate::observe::Observed;
use crate::outcome::{Outcome, in_progress, ready, stalled};
use crate::service::external_address;
use crate::settle::Plan;
use crate::trouble::{NOT_SEEN, has_seen, is_ready, trouble};
use gantry_crds::{BrokerGroup, BrokerGroupStatus, BrokerStatus};
use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt as _;

/// The steps; then a pod to restart, when its turn has come.
pub(super) fn plan(
    object: &BrokerGroup,
    observed: &Observed,
    addresses: Option<&Addresses>,
    surroundings: Surroundings,
    settings: &Settings,
) -> Result<Plan<BrokerGroupStatus, Option<Restart>>, Failure> {
    let name = object.name_any();
    let uid = object.metadata.uid.as_deref().unwrap_or_default();
    let broker = objects::broker(&name);
    let default_image = object.status.as_ref().and_then(|status| status.default_image.clone());
    let default_image = default_image.unwrap_or_else(|| settings.broker_image.clone());
    let image = object.spec.image.clone().unwrap_or_else(|| default_image.clone());

    let mut desired = objects::addressing(object)?;
    let set_is_going =
        observed.stateful_set.as_ref().is_some_and(|set| set.metadata.deletion_timestamp.is_some());
    if let Some(addresses) = addresses {
        let conf = config::settings(object, addresses);
        desired.extend(objects::running(object, &image, &settings.image_pull_policy, &conf)?);
    }
    let growth = storage::steps(object, observed.stateful_set.as_ref(), &observed.claims);
    let mut steps = diff(desired, &observed.children, uid);
    steps.retain(|step| match step {
        // Without addresses nothing can be said about what runs: it stays as it is.
        Step::Delete { kind: crate::apply::Kind::StatefulSet | crate::apply::Kind::ConfigMap, .. } => {
            addresses.is_some()
        }
        // While the set goes its successor cannot be made; while volumes have to grow its template does not fit.
        Step::Apply { child, .. } if child.kind == crate::apply::Kind::StatefulSet => {
            !set_is_going && growth.is_empty()
        }
        _ => true,
    });
    if steps.is_empty() && !set_is_going {
        steps = growth;
    }
    let restart = match &observed.stateful_set {
        Some(set) if steps.is_empty() && !set_is_going => restart::needed(set, &observed.pods),
        _ => None,
    };

    let pod = observed.pods.iter().find(|pod| pod.name_any() == broker);
    let status = BrokerGroupStatus {
        image: Some(image),
        default_image: Some(default_image),
        brokers: vec![BrokerStatus {
            pod: broker,
            address: addresses.map(inside),
            external_address: addresses.and_then(|found| found.outside.clone()),
            ready: pod.is_some_and(is_ready),
            storage: observed.claims.first().and_then(storage::capacity).cloned(),
        }],
        ..object.status.clone().unwrap_or_default()
    };
    let outcome = if let Some(step) = steps.first() {
        in_progress("Applying", format!("about to {step}"))
    } else if let Some(restart) = &restart {
        in_progress("Restarting", format!("{}: {}", restart.pod, restart.reasons.join(", ")))
    } else if set_is_going {
        in_progress("Applying", "the StatefulSet is being made anew with the new volume size; its pods go on")
    } else if observed.stateful_set.as_ref().is_some_and(|set| !has_seen(set)) {
        in_progress("Applying", NOT_SEEN)
    } else if addresses.is_none() {
        in_progress("WaitingForAddress", "the Service of the broker has no address yet")
    } else if let Some(trouble) = trouble(&observed.pods) {
        trouble
    } else if !status.brokers[0].ready {
        starting(object, pod.is_some(), surroundings)
    } else if let Some(growing) = storage::growing(object, &observed.claims) {
        in_progress("GrowingVolume", growing)
    } else if object.spec.external.is_some() && status.brokers[0].external_address.is_none() {
        in_progress("WaitingForAddress", "the platform has not given an address for clients outside yet")
    } else if let Some(full) = disk_full(object, surroundings.disk_used) {
        stalled("DiskFull", full)
    } else {
        ready("the broker serves")
    };
    Ok(Plan { status, outcome, steps, then: restart })
}

fn starting(object: &BrokerGroup, has_pod: bool, surroundings: Surroundings) -> Outcome {
    let name_servers = match &object.spec.name_server_ref {
        Some(reference) if surroundings.name_server_is_missing => {
            return in_progress(
                "NameServerNotFound",
                format!(
                    "there is no NameServer {} in this namespace: create it, or name another in spec.nameServerRef",
                    reference.name
                ),
            );
        }
        Some(reference) => format!("NameServer {} of this namespace", reference.name),
        None => object.spec.name_server_addresses.clone().unwrap_or_default().join(", "),
    };
    let message = if has_pod {
        format!(
            "the broker opens its store and registers with {name_servers}: it serves when one of them answers"
        )
    } else {
        "the pod is not there yet".into()
    };
    in_progress("Starting", message)
}

/// None until the broker's Service has its IP.
pub(super) fn addresses(object: &BrokerGroup, observed: &Observed) -> Option<Addresses> {
    let ip = |service: &Service| service.spec.as_ref()?.cluster_ip.clone().filter(|ip| !ip.is_empty());
    let broker = objects::broker(&object.name_any());
    let inside = ip(observed.service(&broker)?)?;
    let outside = object
        .spec
        .external
        .as_ref()
        .and_then(|wanted| external_address(wanted, observed.service(&external(&broker))?));
    Some(Addresses { inside, outside })
}

/// `ip:port` for clients inside.
pub(super) fn inside(addresses: &Addresses) -> String {
    let ip = &addresses.inside;
    if ip.contains(':') { format!("[{ip}]:{BROKER_PORT}") } else { format!("{ip}:{BROKER_PORT}") }
}
