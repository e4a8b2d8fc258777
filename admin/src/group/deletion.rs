//! The end of a ConsumerGroup. Pure.

use super::Group;
use super::action::Action;
use super::observe::GroupOnBroker;
use super::plan::{Draft, next_status};
use crate::observed::Observed;
use crate::reconcile::Plan;
use gantry_crds::{ConsumerGroupStatus, DeletionPolicy};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// With `Retain` nothing is done. With `Delete` the group goes from every broker where it is owned; one that cannot be
/// asked is waited for, never passed over.
pub(super) fn plan(
    group: &Group,
    status: &ConsumerGroupStatus,
    observed: &Observed<GroupOnBroker>,
    now: &Time,
) -> Plan<ConsumerGroupStatus, Action> {
    let mut draft = Draft::default();
    let deletes = group.spec.deletion_policy == DeletionPolicy::Delete;
    if deletes {
        for broker in &status.owned_on {
            draft.delete(broker, observed);
        }
    }
    let finished = draft.owned_on.len() == draft.actions.len();
    let outcome = draft.findings.outcome(|| {
        if deletes {
            "nothing is left to delete".into()
        } else {
            "left on the brokers, as deletionPolicy says".into()
        }
    });
    let next = ConsumerGroupStatus { owned_on: draft.owned_on, ..next_status(group, status, &outcome, now) };
    Plan { status: next, actions: draft.actions, outcome, finished }
}
