//! How far a group is behind in a topic: in messages and in time.

use crate::broker::Broker;
use crate::clock::now_ms;
use crate::topics::Topic;
use gantry_store::QueueOffset;

/// What a group has before it in a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backlog {
    /// Messages that it was not given yet.
    pub(crate) ready: i64,
    /// Messages that it was given, and that it has not committed or acknowledged.
    pub(crate) in_flight: i64,
    /// For how long the oldest of both waits, in milliseconds.
    pub(crate) oldest_ms: i64,
    /// For how long the oldest message waits that is ready.
    pub(crate) oldest_ready_ms: i64,
}

impl Backlog {
    /// Messages that it is behind by.
    pub(crate) fn messages(&self) -> i64 {
        self.ready + self.in_flight
    }
}

/// Of all queues together. May wait for the disk.
pub(crate) fn of(broker: &Broker, group: &str, topic: &Topic) -> Backlog {
    let mut all = Backlog::default();
    for queue in 0..topic.config().read_queue_nums {
        let Some(log) = broker.store.existing_queue(topic.name(), queue) else { continue };
        let max = broker.store.max_offset(&log).0;
        let consumed = broker.offsets.get(group, topic.name(), queue).unwrap_or(0).max(log.min_offset().0);
        let given = topic.asked(group, queue).unwrap_or(consumed).clamp(consumed, max.max(consumed));
        all.ready += (max - given).max(0);
        all.in_flight += given - consumed + broker.pops.in_flight(group, topic.name(), queue) as i64;
        let waits = |offset| match broker.store.store_timestamp(&log, QueueOffset(offset)) {
            Ok(Some(stored)) if offset < max => now_ms() - stored,
            _ => 0,
        };
        all.oldest_ms = all.oldest_ms.max(waits(consumed));
        all.oldest_ready_ms = all.oldest_ready_ms.max(waits(given));
    }
    all
}
