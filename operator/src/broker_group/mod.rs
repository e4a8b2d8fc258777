//! BrokerGroup: a StatefulSet with its volumes, addresses and settings.

mod config;
mod objects;
mod plan;
mod restart;
mod storage;
mod surroundings;
mod turn;

use crate::apply::Step;
use crate::context::Context;
use crate::engine::{self, Managed, Round, concluded};
use crate::failure::Failure;
use crate::names::{Component, MANAGED};
use crate::observe::Observed;
use crate::outcome::in_progress;
use crate::settle::{Plan, Planning, deleting, settle};
use crate::status::StatusWriter;
use gantry_crds::{BrokerGroup, BrokerGroupStatus, Condition};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service};
use kube::ResourceExt as _;
use kube::runtime::events::EventType;
use kube::runtime::{Controller, watcher};
use restart::Restart;
use std::time::Duration;
use surroundings::Surroundings;

/// How soon a broker that waits for its turn looks again.
const TURN: Duration = Duration::from_secs(2);
/// How often a group's disk is looked at: nothing tells when it fills up.
const LOOK: Duration = Duration::from_secs(30);

impl Managed for BrokerGroup {
    const KIND: &'static str = "BrokerGroup";
    type Status = BrokerGroupStatus;

    fn status(&self) -> Option<&BrokerGroupStatus> {
        self.status.as_ref()
    }

    fn conditions(status: &BrokerGroupStatus) -> &[Condition] {
        &status.conditions
    }

    fn set_conditions(status: &mut BrokerGroupStatus, conditions: Vec<Condition>, generation: Option<i64>) {
        (status.conditions, status.observed_generation) = (conditions, generation);
    }

    async fn round(
        &self,
        context: &Context,
        written: &StatusWriter<'_, Self>,
    ) -> Result<Round<BrokerGroupStatus>, Failure> {
        if let Some(round) = deleting(self) {
            return Ok(round);
        }
        let plan = settle(context, self, written).await?;
        let round = Round { status: concluded(self, plan.status, &plan.outcome), again: LOOK };
        match plan.then {
            Some(pod) => restart(self, context, written, pod, round).await,
            None => Ok(round),
        }
    }
}

impl Planning for BrokerGroup {
    type Then = Option<Restart>;

    async fn plan(&self, context: &Context) -> Result<Plan<BrokerGroupStatus, Option<Restart>>, Failure> {
        let (name, namespace) = (self.name_any(), self.namespace().unwrap_or_default());
        let observed = Observed::read(&context.client, &namespace, Component::Broker, &name).await?;
        let addresses = plan::addresses(self, &observed);
        let inside = addresses.as_ref().map(plan::inside);
        let surroundings = Surroundings::look(context, self, &observed, inside.as_deref()).await;
        plan::plan(self, &observed, addresses.as_ref(), surroundings, &context.settings)
    }
}

/// Restarts the pod when no other broker of the cluster is away.
async fn restart(
    group: &BrokerGroup,
    context: &Context,
    written: &StatusWriter<'_, BrokerGroup>,
    restart: Restart,
    round: Round<BrokerGroupStatus>,
) -> Result<Round<BrokerGroupStatus>, Failure> {
    let reasons = restart.reasons.join(", ");
    let _turn = context.turns.lock().await;
    if restart.serves
        && let Some(other) = turn::before(context, group).await?
    {
        let message =
            format!("{} waits until the broker of {other} serves; then it restarts: {reasons}", restart.pod);
        let status = concluded(group, round.status, &in_progress("WaitingForTurn", message));
        return Ok(Round { status, again: TURN });
    }
    written.write(&round.status).await?;
    let note = format!("restarting {}: {reasons}", restart.pod);
    context.event(group, EventType::Normal, "Restarting", "Restart", note).await;
    let step = Step::RestartPod { name: restart.pod, uid: restart.uid };
    step.run(&context.client, &group.namespace().unwrap_or_default()).await?;
    Ok(Round { again: TURN, ..round })
}

/// Looks again when something of ours changes.
pub(crate) fn controller(context: &Context) -> Controller<BrokerGroup> {
    let ours = || watcher::Config::default().labels(MANAGED);
    engine::controller(context)
        .owns(context.watched::<StatefulSet>(), ours())
        .owns(context.watched::<Service>(), ours())
        .owns(context.watched::<ConfigMap>(), ours())
        .watches(context.watched::<Pod>(), ours(), |pod| Component::Broker.owner_of(&pod))
        .watches(context.watched::<PersistentVolumeClaim>(), ours(), |claim| {
            Component::Broker.owner_of(&claim)
        })
}
