//! A round: plan, announce, apply, look again, until the plan asks for nothing more.

use crate::apply::Step;
use crate::context::Context;
use crate::engine::{Managed, Round, concluded, is_refused};
use crate::failure::{Failure, RESYNC};
use crate::outcome::{Outcome, in_progress};
use crate::status::StatusWriter;
use kube::ResourceExt as _;
use std::future::Future;

/// Steps of one round follow from each other a few times (a Service, its address, what has the address in it). More means
/// that something undoes what is applied.
const MOST_PLANS: usize = 6;

/// A kind whose rounds are made of plans.
pub(crate) trait Planning: Managed {
    /// What is to be done when there are no steps left, if anything.
    type Then: Send;

    /// Looks at what there is and says what to do.
    fn plan(
        &self,
        context: &Context,
    ) -> impl Future<Output = Result<Plan<Self::Status, Self::Then>, Failure>> + Send;
}

/// What to do.
pub(crate) struct Plan<S, T> {
    /// As found, without conditions.
    pub(crate) status: S,
    pub(crate) outcome: Outcome,
    pub(crate) steps: Vec<Step>,
    pub(crate) then: T,
}

/// The round of an object that is being deleted: owner references take everything with it, except volumes that shall stay.
pub(crate) fn deleting<K: Planning>(object: &K) -> Option<Round<K::Status>> {
    object.meta().deletion_timestamp.as_ref()?;
    let status = object.status().cloned().unwrap_or_default();
    let outcome = in_progress("Deleting", "being deleted");
    Some(Round { status: concluded(object, status, &outcome), again: RESYNC })
}

/// Plans and applies until there is nothing to do; gives the last plan. The status that announces a step is written
/// before it.
pub(crate) async fn settle<K: Planning>(
    context: &Context,
    object: &K,
    written: &StatusWriter<'_, K>,
) -> Result<Plan<K::Status, K::Then>, Failure> {
    let namespace = object.namespace().unwrap_or_default();
    let is_announced = is_refused(object);
    let mut last = String::new();
    for _ in 0..MOST_PLANS {
        let plan = object.plan(context).await?;
        if plan.steps.is_empty() {
            return Ok(plan);
        }
        if !is_announced {
            written.write(&concluded(object, plan.status, &plan.outcome)).await?;
        }
        for step in &plan.steps {
            tracing::info!(kind = K::KIND, object = object.name_any(), namespace, "{step}");
            step.run(&context.client, &namespace).await?;
            last = step.to_string();
        }
    }
    Err(Failure::Unsettled { rounds: MOST_PLANS, last })
}
