//! Topic.

use super::{DRIFT, places, round};
use crate::context::Context;
use crate::engine::{Managed, Round};
use crate::failure::Failure;
use crate::status::StatusWriter;
use gantry_admin::topic::{APPROVE_SCALE, SETTLE, Topic as Asked, broker_names};
use gantry_crds::{Condition, DeletionPolicy, Topic, TopicStatus};
use kube::ResourceExt as _;
use kube::runtime::Controller;

impl Managed for Topic {
    const KIND: &'static str = "Topic";
    type Status = TopicStatus;

    fn status(&self) -> Option<&TopicStatus> {
        self.status.as_ref()
    }

    fn conditions(status: &TopicStatus) -> &[Condition] {
        &status.conditions
    }

    fn set_conditions(status: &mut TopicStatus, conditions: Vec<Condition>, generation: Option<i64>) {
        (status.conditions, status.observed_generation) = (conditions, generation);
    }

    async fn round(
        &self,
        context: &Context,
        written: &StatusWriter<'_, Self>,
    ) -> Result<Round<TopicStatus>, Failure> {
        let namespace = self.namespace().unwrap_or_default();
        let deleting = self.metadata.deletion_timestamp.is_some();
        let deletes = self.spec.deletion_policy == DeletionPolicy::Delete;
        let names = broker_names(&self.spec, &self.status.clone().unwrap_or_default());
        let name_servers = if deleting && deletes {
            places::name_servers(context, &namespace, &names).await
        } else {
            Vec::new()
        };
        let asked = Asked {
            name: self.spec.topic_name.clone().unwrap_or_else(|| self.name_any()),
            spec: self.spec.clone(),
            generation: self.metadata.generation,
            brokers: places::places(context, &namespace, names),
            name_servers,
            settle: SETTLE,
            approved: self.annotations().get(APPROVE_SCALE).cloned(),
            deleting,
        };
        round(context, self, written, &asked, deletes, DRIFT).await
    }
}

/// Looks again when a BrokerGroup changes that the topic is on.
pub(crate) fn controller(context: &Context) -> Controller<Topic> {
    super::controller(context, |object, group| {
        broker_names(&object.spec, &object.status.clone().unwrap_or_default())
            .iter()
            .any(|name| name == group)
    })
}
