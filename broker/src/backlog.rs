//! How far a group is behind in a topic: in messages and in time.

use crate::broker::{Broker, now_ms};
use crate::topics::Topic;
use gantry_store::QueueOffset;

/// What a group has before it in a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backlog {
    /// Messages that it was not given.
    pub(crate) messages: i64,
    /// Messages that it was given by POP and has not acknowledged.
    pub(crate) in_flight: i64,
    /// For how long the oldest message waits that it was not given, in milliseconds.
    pub(crate) oldest_ms: i64,
}

/// Of all queues together. Waits for the disk where the oldest message is there only.
pub(crate) fn of(broker: &Broker, group: &str, topic: &Topic) -> Backlog {
    let mut all = Backlog::default();
    for queue in 0..topic.config().read_queue_nums {
        let Some(log) = broker.store.existing_queue(topic.name(), queue) else { continue };
        let at = broker.offsets.get(group, topic.name(), queue).unwrap_or(0).max(log.min_offset().0);
        let behind = (broker.store.max_offset(&log).0 - at).max(0);
        all.messages += behind;
        all.in_flight += broker.pops.in_flight(group, topic.name(), queue) as i64;
        if behind > 0
            && let Ok(Some(stored)) = broker.store.store_timestamp(&log, QueueOffset(at))
        {
            all.oldest_ms = all.oldest_ms.max(now_ms() - stored);
        }
    }
    all
}
