//! What to do for a NameServer. Pure.

use super::objects;
use crate::apply::{Child, Step, diff};
use crate::args::Settings;
use crate::failure::Failure;
use crate::names::{Component, NAME_SERVER_PORT, REVISION, external};
use crate::observe::Observed;
use crate::outcome::{Outcome, in_progress, ready};
use crate::service::external_address;
use crate::settle::Plan;
use crate::trouble::{NOT_SEEN, has_seen, trouble};
use gantry_crds::{NameServer, NameServerStatus};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;

pub(super) fn plan(
    object: &NameServer,
    observed: &Observed,
    settings: &Settings,
) -> Result<Plan<NameServerStatus, ()>, Failure> {
    let name = object.name_any();
    let namespace = object.namespace().unwrap_or_default();
    let default_image = object.status.as_ref().and_then(|status| status.default_image.clone());
    let default_image = default_image.unwrap_or_else(|| settings.nameserver_image.clone());
    let image = object.spec.image.clone().unwrap_or_else(|| default_image.clone());
    let desired: Vec<Child> = objects::desired(object, &image, &settings.image_pull_policy)?;
    let steps = diff(desired, &observed.children, object.metadata.uid.as_deref().unwrap_or_default());

    let set = observed.stateful_set.as_ref().and_then(|set| set.status.as_ref());
    let wanted = object.spec.external.as_ref();
    let outside = wanted.and_then(|wanted| external_address(wanted, observed.service(&external(&name))?));
    let status = NameServerStatus {
        address: Some(format!("{name}.{namespace}.svc:{NAME_SERVER_PORT}")),
        external_address: outside.clone(),
        image: Some(image),
        default_image: Some(default_image),
        replicas: set.map_or(0, |set| set.replicas),
        ready_replicas: set.and_then(|set| set.ready_replicas).unwrap_or(0),
        selector: Some(Component::NameServer.selector_text(&name)),
        ..object.status.clone().unwrap_or_default()
    };
    let outcome = outcome(object, observed, &status, &steps, wanted.is_some() && outside.is_none());
    Ok(Plan { status, outcome, steps, then: () })
}

fn outcome(
    object: &NameServer,
    observed: &Observed,
    status: &NameServerStatus,
    steps: &[Step],
    no_address_outside: bool,
) -> Outcome {
    let replicas = object.spec.replicas;
    if let Some(step) = steps.first() {
        return in_progress("Applying", format!("about to {step}"));
    }
    let Some(set) = &observed.stateful_set else {
        return in_progress("Applying", "the StatefulSet is not there yet");
    };
    let current = set.status.clone().unwrap_or_default();
    if !has_seen(set) {
        return in_progress("Rolling", NOT_SEEN);
    }
    // Those of an older template are replaced, whatever is wrong with them.
    let wanted = current.update_revision.as_deref();
    let is_new = |pod: &&Pod| pod.labels().get(REVISION).map(String::as_str) == wanted;
    if let Some(trouble) = trouble(observed.pods.iter().filter(is_new)) {
        return trouble;
    }
    let updated = current.updated_replicas.unwrap_or(0);
    if current.current_revision != current.update_revision && updated < replicas {
        return in_progress("Rolling", format!("{updated} of {replicas} name servers have the change"));
    }
    if status.ready_replicas < replicas || current.replicas != replicas {
        let ready = status.ready_replicas;
        return in_progress("Starting", format!("{ready} of {replicas} name servers answer"));
    }
    if no_address_outside {
        return in_progress(
            "WaitingForAddress",
            "the platform has not given an address for clients outside yet",
        );
    }
    ready(format!("{replicas} of {replicas} name servers answer"))
}
