//! What a Topic or ConsumerGroup asks of brokers: admin calls, and the plans that make a broker agree. No Kubernetes
//! client in it: the operator and `gantry local -f` both use it.
//!
//! [`reconcile()`] drives a [`Resource`] ([`topic::Topic`] or [`group::Group`]): observe (I/O) -> plan (pure) -> write the
//! status -> apply (I/O), until nothing is left to do. [`Admin`] is what is asked of a broker, [`Calls`] asks it over the
//! network. [`conditions()`] says the outcome in the way that kstatus reads.
//!
//! **After a crash.** The status is written before the action that it announces, and every plan is made from what brokers
//! say and what was written. So a process that is killed between any two steps is followed by one that ends in the same
//! place; an action may run twice, none is left out.
#![forbid(unsafe_code)]

mod admin;
mod calls;
mod conditions;
mod error;
#[cfg(test)]
mod fake;
mod findings;
pub mod group;
mod observed;
mod reconcile;
pub mod topic;

pub use admin::{Admin, GroupInTopic, GroupMembers, QueueBounds, QueuePlace, Scale};
pub use calls::Calls;
pub use conditions::{Outcome, conditions};
pub use error::Error;
pub use observed::{Broker, Observed, Place, Seen, Trouble};
pub use reconcile::{Journal, Plan, Reconciled, Resource, reconcile};
