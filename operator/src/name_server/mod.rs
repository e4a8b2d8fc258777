//! NameServer: a stateless StatefulSet and its Services.

mod objects;
mod plan;

use crate::context::Context;
use crate::engine::{self, Managed, Round, concluded};
use crate::failure::{Failure, RESYNC};
use crate::names::{Component, MANAGED};
use crate::observe::Observed;
use crate::settle::{Plan, Planning, deleting, settle};
use crate::status::StatusWriter;
use gantry_crds::{Condition, NameServer, NameServerStatus};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt as _;
use kube::runtime::{Controller, watcher};

impl Managed for NameServer {
    const KIND: &'static str = "NameServer";
    type Status = NameServerStatus;

    fn status(&self) -> Option<&NameServerStatus> {
        self.status.as_ref()
    }

    fn conditions(status: &NameServerStatus) -> &[Condition] {
        &status.conditions
    }

    fn set_conditions(status: &mut NameServerStatus, conditions: Vec<Condition>, generation: Option<i64>) {
        (status.conditions, status.observed_generation) = (conditions, generation);
    }

    async fn round(
        &self,
        context: &Context,
        written: &StatusWriter<'_, Self>,
    ) -> Result<Round<NameServerStatus>, Failure> {
        if let Some(round) = deleting(self) {
            return Ok(round);
        }
        let plan = settle(context, self, written).await?;
        Ok(Round { status: concluded(self, plan.status, &plan.outcome), again: RESYNC })
    }
}

impl Planning for NameServer {
    type Then = ();

    async fn plan(&self, context: &Context) -> Result<Plan<NameServerStatus, ()>, Failure> {
        let (name, namespace) = (self.name_any(), self.namespace().unwrap_or_default());
        let observed = Observed::read(&context.client, &namespace, Component::NameServer, &name).await?;
        plan::plan(self, &observed, &context.settings)
    }
}

/// Looks again when something of ours changes.
pub(crate) fn controller(context: &Context) -> Controller<NameServer> {
    let ours = || watcher::Config::default().labels(MANAGED);
    engine::controller(context)
        .owns(context.watched::<StatefulSet>(), ours())
        .owns(context.watched::<Service>(), ours())
        .watches(context.watched::<Pod>(), ours(), |pod| Component::NameServer.owner_of(&pod))
}
