//! How far groups are, as gates see them.

use crate::broker::Broker;
use crate::topics::Topic;
use gantry_message::{QueueOffset, name};
use gantry_remoting::body::MessageModel;
use gantry_scaling::{Flip, Progress};
use std::collections::BTreeSet;

/// A group's attribute by which gates let it through: for groups that keep their offsets elsewhere, or need no order.
const GATE: (&str, &str) = ("gantry.gate", "off");

/// A group at a topic's queues.
pub(super) struct At<'a> {
    pub(super) broker: &'a Broker,
    pub(super) topic: &'a Topic,
    pub(super) group: &'a str,
}

impl Progress for At<'_> {
    fn consumed(&self, queue: i32) -> QueueOffset {
        QueueOffset(self.broker.offsets.get(self.group, self.topic.name(), queue).unwrap_or(0))
    }

    fn first(&self, queue: i32) -> QueueOffset {
        let queue = self.broker.store.existing_queue(self.topic.name(), queue);
        queue.map_or(QueueOffset(0), |queue| queue.min_offset())
    }
}

/// Groups that read the topic and that gates keep in order: those that have offsets of it, and those that are online.
pub(super) fn tracked(broker: &Broker, topic: &str) -> BTreeSet<String> {
    let all = broker.offsets.groups_of(topic).into_iter().chain(broker.consumers.groups_of(topic));
    all.filter(|group| is_gated(broker, group)).collect()
}

/// False for tools, which look at everything and consume nothing, for groups that keep their own offsets, and for those that
/// asked to be let through.
pub(super) fn is_gated(broker: &Broker, group: &str) -> bool {
    let attribute = |config: &gantry_remoting::body::SubscriptionGroupConfig| {
        config.attributes.get(GATE.0).is_some_and(|value| value == GATE.1)
    };
    !name::is_system_group(group)
        && broker.consumers.model(group) != Some(MessageModel::Broadcasting)
        && !broker.groups.get(group).is_some_and(|config| attribute(&config))
}

/// Messages that a group has still to read in the queues that go with this flip; `None` when none.
pub(super) fn left(flip: &Flip, at: &At<'_>) -> Option<i64> {
    let left: i64 = (flip.to..flip.from).map(|queue| at.left(queue, flip.fence(queue))).sum();
    (left > 0).then_some(left)
}
