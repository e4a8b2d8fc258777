//! A Topic and its brokers.
//!
//! * A topic that is on a broker already is left alone unless the spec says `adopt`. Ownership is written to the status
//!   after having seen that the topic is absent (or adopting it), and before it is made.
//! * What differs on an owned topic (queues, permission, order flag, message type) is put back; other attributes stay.
//! * The number of queues of an ordered topic is changed by the broker, in order (`scale.rs`). On one that knows nothing of that
//!   it is done from here, with a weaker guarantee (`classic.rs`).
//! * Growing is immediate. Shrinking takes two steps, so that no message is stranded in a queue that nobody can read: no
//!   more writing to the removed queues at once; no more reading when every group known to the broker has consumed what is
//!   in them and no message has come for a while (producers find new queue counts within 30 s). What is left there for a
//!   group that never read the topic stays in the store and can be read again when the topic grows.
//! * A broker that leaves the list keeps its topic with `Retain`; with `Delete` the topic is deleted there.

mod action;
mod classic;
mod deletion;
mod desired;
mod observe;
mod plan;
mod scale;
#[cfg(test)]
mod tests;

pub use action::Action;
pub use observe::{Leftover, Reader, TopicOnBroker};

use crate::admin::Admin;
use crate::error::Error;
use crate::observed::{Broker, Observed};
use crate::reconcile::{Plan, Resource};
use gantry_crds::{TopicSpec, TopicStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::time::Duration;

/// The annotation by which a change of the number of queues is approved.
pub const APPROVE_SCALE: &str = "gantry.dev/approve-scale";
/// Producers look for new queue counts every 30 s.
pub const SETTLE: Duration = Duration::from_secs(60);

/// A Topic as it shall be.
#[derive(Clone, Debug)]
pub struct Topic {
    /// The topic's name: `spec.topicName`, or `metadata.name`.
    pub name: String,
    /// What is asked.
    pub spec: TopicSpec,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// Where the brokers are: of the spec and of the status ([`broker_names`]).
    pub brokers: Vec<Broker>,
    /// `host:port` of the name servers that forget the topic when it is deleted. May be empty.
    pub name_servers: Vec<String>,
    /// Queues that are taken away stay readable until no message has come to them for this long.
    pub settle: Duration,
    /// The change of the number of queues that somebody approved, such as `4-8`: see [`APPROVE_SCALE`].
    pub approved: Option<String>,
    /// The resource is being deleted.
    pub deleting: bool,
}

/// All brokers that a Topic is about: those of the spec, in its order, then those that only the status names.
#[must_use]
pub fn broker_names(spec: &TopicSpec, status: &TopicStatus) -> Vec<String> {
    let mut names = wanted(spec).to_vec();
    for entry in &status.brokers {
        if !names.contains(&entry.broker) {
            names.push(entry.broker.clone());
        }
    }
    names
}

/// The brokers of the spec.
fn wanted(spec: &TopicSpec) -> &[String] {
    spec.broker_groups.as_deref().or(spec.broker_addresses.as_deref()).unwrap_or_default()
}

impl Resource for Topic {
    type Status = TopicStatus;
    type Found = TopicOnBroker;
    type Action = Action;

    async fn observe<A: Admin>(&self, admin: &A, status: &TopicStatus) -> Observed<TopicOnBroker> {
        let names = broker_names(&self.spec, status);
        Observed::ask(names, &self.brokers, |addr| observe::observe(self, admin, addr)).await
    }

    fn plan(
        &self,
        status: &TopicStatus,
        observed: &Observed<TopicOnBroker>,
        now: &Time,
    ) -> Plan<TopicStatus, Action> {
        if self.deleting {
            deletion::plan(self, status, observed, now)
        } else {
            plan::plan(self, status, observed, now)
        }
    }

    async fn apply<A: Admin>(&self, admin: &A, action: &Action) -> Result<(), Error> {
        action::apply(admin, &self.name, action).await
    }

    fn applied(&self, status: &TopicStatus, action: &Action) -> TopicStatus {
        let mut status = status.clone();
        if let Action::Delete { broker, .. } = action {
            // A producer may make the topic anew at any moment; that one is not ours.
            status.brokers.retain(|entry| entry.broker != *broker);
        }
        status
    }

    fn broker<'a>(&self, action: &'a Action) -> &'a str {
        action.broker()
    }
}
