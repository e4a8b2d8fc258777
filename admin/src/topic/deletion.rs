//! The end of a Topic. Pure.

use super::Topic;
use super::action::Action;
use super::observe::TopicOnBroker;
use super::plan::{Draft, next_status};
use crate::observed::Observed;
use crate::reconcile::Plan;
use gantry_crds::{DeletionPolicy, TopicStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// With `Retain` nothing is done. With `Delete` the topic goes from every broker where it is owned; one that cannot be
/// asked is waited for, never passed over.
pub(super) fn plan(
    topic: &Topic,
    status: &TopicStatus,
    observed: &Observed<TopicOnBroker>,
    now: &Time,
) -> Plan<TopicStatus, Action> {
    let mut draft = Draft::new(status.scale.clone(), now.clone());
    let deletes = topic.spec.deletion_policy == DeletionPolicy::Delete;
    if deletes {
        for entry in status.brokers.iter().filter(|entry| entry.owned) {
            draft.delete(entry, observed);
        }
    }
    // What is left in the list beyond what is deleted now is waited for.
    let finished = draft.brokers.len() == draft.actions.len();
    let left_elsewhere = status.brokers.iter().any(|entry| !entry.owned);
    if deletes && finished && !left_elsewhere && !topic.name_servers.is_empty() {
        // Last, and again after a crash: while a broker has the topic it would come back.
        draft.actions.push(Action::DeleteRoute { name_servers: topic.name_servers.clone() });
    }
    let outcome = draft.findings.outcome(|| {
        if deletes {
            "nothing is left to delete".into()
        } else {
            "left on the brokers, as deletionPolicy says".into()
        }
    });
    Plan {
        status: next_status(topic, status, draft.brokers, draft.scale, &outcome, now),
        actions: draft.actions,
        outcome,
        finished,
    }
}
