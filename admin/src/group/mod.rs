//! A ConsumerGroup and its brokers.
//!
//! * Ownership is as for topics: a group that a broker knows already is left alone unless the spec says `adopt`.
//! * What the spec names is put back when it differs; other settings of an existing group stay as they are found.
//! * An offset reset runs once for each token: the token is written before the first broker is reset, each broker after it
//!   was. After a crash only the broker that was in flight is reset again.
//! * Lag is counted as `mqadmin consumerProgress` does: what waits in the group's retry topic counts, under that topic's
//!   name. An offset reset of "all topics" leaves the retry topic alone: those messages are still to be delivered.
//! * While a broker cannot be asked, members and lag stay as last seen: half a sum would look like progress.

mod action;
mod deletion;
mod observe;
mod plan;
mod reset;
#[cfg(test)]
mod tests;

pub use action::Action;
pub use observe::GroupOnBroker;

use crate::admin::Admin;
use crate::error::Error;
use crate::observed::{Broker, Observed};
use crate::reconcile::{Plan, Resource};
use gantry_crds::{ConsumerGroupSpec, ConsumerGroupStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// A ConsumerGroup as it shall be.
#[derive(Clone, Debug)]
pub struct Group {
    /// The group's name: `spec.groupName`, or `metadata.name`.
    pub name: String,
    /// What is asked.
    pub spec: ConsumerGroupSpec,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// Where the brokers are: of the spec and of the status ([`broker_names`]).
    pub brokers: Vec<Broker>,
    /// The resource is being deleted.
    pub deleting: bool,
}

/// All brokers that a ConsumerGroup is about: those of the spec, in its order, then those that only the status names.
#[must_use]
pub fn broker_names(spec: &ConsumerGroupSpec, status: &ConsumerGroupStatus) -> Vec<String> {
    let mut names = wanted(spec).to_vec();
    for broker in &status.owned_on {
        if !names.contains(broker) {
            names.push(broker.clone());
        }
    }
    names
}

/// The brokers of the spec.
fn wanted(spec: &ConsumerGroupSpec) -> &[String] {
    spec.broker_groups.as_deref().or(spec.broker_addresses.as_deref()).unwrap_or_default()
}

impl Resource for Group {
    type Status = ConsumerGroupStatus;
    type Found = GroupOnBroker;
    type Action = Action;

    async fn observe<A: Admin>(&self, admin: &A, status: &ConsumerGroupStatus) -> Observed<GroupOnBroker> {
        let topics = reset::is_due(&self.spec, status);
        let names = broker_names(&self.spec, status);
        Observed::ask(names, &self.brokers, |addr| observe::observe(self, admin, addr, topics)).await
    }

    fn plan(
        &self,
        status: &ConsumerGroupStatus,
        observed: &Observed<GroupOnBroker>,
        now: &Time,
    ) -> Plan<ConsumerGroupStatus, Action> {
        if self.deleting {
            deletion::plan(self, status, observed, now)
        } else {
            plan::plan(self, status, observed, now)
        }
    }

    async fn apply<A: Admin>(&self, admin: &A, action: &Action) -> Result<(), Error> {
        action::apply(admin, &self.name, action).await
    }

    fn applied(&self, status: &ConsumerGroupStatus, action: &Action) -> ConsumerGroupStatus {
        let mut status = status.clone();
        match action {
            Action::Put { .. } => {}
            // A consumer may make the group anew at any moment; that one is not ours.
            Action::Delete { broker, .. } => status.owned_on.retain(|name| name != broker),
            Action::Reset { broker, .. } => reset::done(&mut status, broker),
        }
        status
    }

    fn broker<'a>(&self, action: &'a Action) -> &'a str {
        action.broker()
    }
}
