//! Topic and ConsumerGroup: what exists on brokers and not in Kubernetes. The plans are those of `gantry_admin`.

pub(crate) mod consumer_group;
mod finalizer;
mod gated;
mod journal;
mod places;
pub(crate) mod topic;

use crate::context::Context;
use crate::engine::{self, Managed, Round, now};
use crate::failure::Failure;
use crate::status::StatusWriter;
use gantry_admin::{Outcome, Resource, reconcile};
use gantry_crds::BrokerGroup;
use gated::Gated;
use journal::StatusJournal;
use kube::ResourceExt as _;
use kube::runtime::events::EventType;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{Controller, watcher};
use std::sync::Arc;
use std::time::Duration;

/// How often an object that is as asked is compared with the brokers: drift is repaired within a minute.
const DRIFT: Duration = Duration::from_secs(30);
/// The same while something is on its way or cannot be found out.
const SOON: Duration = Duration::from_secs(3);

/// Looks again at an object when a BrokerGroup changes that it is on, as `is_on` tells by the group's name.
fn controller<K: Managed>(context: &Context, is_on: fn(&K, &str) -> bool) -> Controller<K> {
    let controller = engine::controller::<K>(context);
    let objects = controller.store();
    controller.watches(context.watched::<BrokerGroup>(), watcher::Config::default(), move |group| {
        let (name, namespace) = (group.name_any(), group.namespace());
        let concerned = |object: &&Arc<K>| object.namespace() == namespace && is_on(object, &name);
        let found: Vec<_> = objects
            .state()
            .iter()
            .filter(concerned)
            .map(|object| ObjectRef::from_obj(object.as_ref()))
            .collect();
        found
    })
}

/// Makes the brokers agree with `resource`, which `object` describes; lets a deleted object go when it is done.
async fn round<K, R>(
    context: &Context,
    object: &K,
    written: &StatusWriter<'_, K>,
    resource: &R,
    has_cleanup: bool,
    again: Duration,
) -> Result<Round<K::Status>, Failure>
where
    K: Managed,
    R: Resource<Status = K::Status>,
{
    let deleting = object.meta().deletion_timestamp.is_some();
    let status = object.status().cloned().unwrap_or_default();
    if deleting && !finalizer::is_set(object) {
        return Ok(Round { status, again });
    }
    if !deleting && has_cleanup && !finalizer::is_set(object) {
        // Before anything is made that would have to be cleaned up.
        finalizer::add(context, object).await?;
    }
    if !deleting && !has_cleanup && finalizer::is_set(object) {
        finalizer::remove(context, object).await?;
    }
    let mut journal = StatusJournal::new(object, written);
    let gated = Gated { resource, context };
    let result = reconcile(&gated, &context.calls, status, &now(), &mut journal).await;
    for note in journal.done() {
        context.event(object, EventType::Normal, "Applied", "Apply", note).await;
    }
    let done = result?;
    if deleting && done.finished {
        finalizer::remove(context, object).await?;
    }
    let again = match done.outcome {
        Outcome::Ready { .. } | Outcome::Stalled { .. } => again,
        Outcome::InProgress { .. } | Outcome::Unknown { .. } => SOON,
    };
    Ok(Round { status: done.status, again })
}
