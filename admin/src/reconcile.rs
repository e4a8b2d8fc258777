//! Observe, plan, write the status, apply, and again, until nothing is left to do.

use crate::admin::Admin;
use crate::conditions::Outcome;
use crate::error::Error;
use crate::observed::{Observed, Trouble};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::fmt::Display;

/// Looking, changing, looking again: a change needs two rounds, shrinking three. A broker that takes more does not do what
/// it says; the next reconciliation goes on.
const ROUNDS: usize = 6;

/// What shall be done, and what is written before it is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan<S, A> {
    /// To be written first, if it differs from what is stored.
    pub status: S,
    /// To be done then, in this order.
    pub actions: Vec<A>,
    /// How the resource stands.
    pub outcome: Outcome,
    /// For a resource that is being deleted: once the actions have succeeded nothing holds it any more.
    pub finished: bool,
}

/// Something that brokers are made to agree with.
pub trait Resource: Sync {
    /// What is stored about it.
    type Status: Clone + PartialEq + Send + Sync;
    /// What is found on a broker.
    type Found: Send;
    /// A step. Its text is for an event or a log.
    type Action: Display + Send + Sync;

    /// Looks at the brokers.
    fn observe<A: Admin>(
        &self,
        admin: &A,
        status: &Self::Status,
    ) -> impl Future<Output = Observed<Self::Found>> + Send;

    /// What to do. Pure.
    fn plan(
        &self,
        status: &Self::Status,
        observed: &Observed<Self::Found>,
        now: &Time,
    ) -> Plan<Self::Status, Self::Action>;

    /// Does one action.
    fn apply<A: Admin>(
        &self,
        admin: &A,
        action: &Self::Action,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// The status after an action that succeeded: what no broker could tell later.
    fn applied(&self, status: &Self::Status, action: &Self::Action) -> Self::Status;

    /// The broker that an action is for, as the spec names it.
    fn broker<'a>(&self, action: &'a Self::Action) -> &'a str;
}

/// Where the status is kept, and who hears of what was done.
pub trait Journal<S>: Send {
    /// Why it could not be written.
    type Error: Send;

    /// Writes the status. What comes after relies on it.
    fn write(&mut self, status: &S) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// An action succeeded; for events and logs.
    fn did(&mut self, action: &str) {
        let _ = action;
    }
}

/// How a reconciliation ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Reconciled<S> {
    /// As it was written last.
    pub status: S,
    /// How the resource stands.
    pub outcome: Outcome,
    /// For a resource that is being deleted: nothing holds it any more.
    pub finished: bool,
}

/// Makes the brokers agree with a resource, as far as it goes now.
///
/// # Errors
/// When the status cannot be written: nothing that it announces was done.
pub async fn reconcile<R: Resource, A: Admin, J: Journal<R::Status>>(
    resource: &R,
    admin: &A,
    status: R::Status,
    now: &Time,
    journal: &mut J,
) -> Result<Reconciled<R::Status>, J::Error> {
    let mut status = status;
    let mut failed: Vec<(String, Trouble)> = Vec::new();
    let mut round = 0;
    loop {
        round += 1;
        let mut observed = resource.observe(admin, &status).await;
        // Planning with what failed gives the status that tells of it.
        for (broker, trouble) in &failed {
            observed.fail(broker, trouble.clone());
        }
        let plan = resource.plan(&status, &observed, now);
        if plan.status != status {
            journal.write(&plan.status).await?;
        }
        status = plan.status;
        if plan.actions.is_empty() || round == ROUNDS {
            let finished = plan.finished && plan.actions.is_empty();
            return Ok(Reconciled { status, outcome: plan.outcome, finished });
        }
        for action in &plan.actions {
            let broker = resource.broker(action);
            if failed.iter().any(|(name, _)| name == broker) {
                // What comes after on this broker relies on what failed.
                continue;
            }
            match resource.apply(admin, action).await {
                Ok(()) => {
                    journal.did(&action.to_string());
                    let after = resource.applied(&status, action);
                    if after != status {
                        journal.write(&after).await?;
                        status = after;
                    }
                }
                Err(error) => failed.push((broker.to_owned(), Trouble::from(&error))),
            }
        }
        if plan.finished && failed.is_empty() {
            return Ok(Reconciled { status, outcome: plan.outcome, finished: true });
        }
    }
}
