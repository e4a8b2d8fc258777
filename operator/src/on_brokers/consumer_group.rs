//! ConsumerGroup.

use super::{places, round};
use crate::context::Context;
use crate::engine::{Managed, Round};
use crate::failure::Failure;
use crate::status::StatusWriter;
use gantry_admin::group::{Group as Asked, broker_names};
use gantry_crds::{Condition, ConsumerGroup, ConsumerGroupStatus, DeletionPolicy};
use kube::ResourceExt as _;
use kube::runtime::Controller;
use std::time::Duration;

/// How old members and lag in the status may be.
const LAG: Duration = Duration::from_secs(15);

impl Managed for ConsumerGroup {
    const KIND: &'static str = "ConsumerGroup";
    type Status = ConsumerGroupStatus;

    fn status(&self) -> Option<&ConsumerGroupStatus> {
        self.status.as_ref()
    }

    fn conditions(status: &ConsumerGroupStatus) -> &[Condition] {
        &status.conditions
    }

    fn set_conditions(status: &mut ConsumerGroupStatus, conditions: Vec<Condition>, generation: Option<i64>) {
        (status.conditions, status.observed_generation) = (conditions, generation);
    }

    async fn round(
        &self,
        context: &Context,
        written: &StatusWriter<'_, Self>,
    ) -> Result<Round<ConsumerGroupStatus>, Failure> {
        let namespace = self.namespace().unwrap_or_default();
        let names = broker_names(&self.spec, &self.status.clone().unwrap_or_default());
        let asked = Asked {
            name: self.spec.group_name.clone().unwrap_or_else(|| self.name_any()),
            spec: self.spec.clone(),
            generation: self.metadata.generation,
            brokers: places::places(context, &namespace, names),
            deleting: self.metadata.deletion_timestamp.is_some(),
        };
        let deletes = self.spec.deletion_policy == DeletionPolicy::Delete;
        round(context, self, written, &asked, deletes, LAG).await
    }
}

/// Looks again when a BrokerGroup changes that knows the group.
pub(crate) fn controller(context: &Context) -> Controller<ConsumerGroup> {
    super::controller(context, |object, group| {
        broker_names(&object.spec, &object.status.clone().unwrap_or_default())
            .iter()
            .any(|name| name == group)
    })
}
