//! Queue locks of orderly groups (Apache: `RebalanceLockManager`).

use crate::faults::{Fault, has};
use gantry_remoting::body::MessageQueue;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A lock that was not renewed for this long is free.
const LIVE: Duration = Duration::from_secs(60);

/// Who holds which queue, per group.
#[derive(Debug, Default)]
pub(crate) struct QueueLocks {
    groups: Mutex<HashMap<Box<str>, HashMap<MessageQueue, Lock>>>,
}

#[derive(Debug)]
struct Lock {
    client: Box<str>,
    renewed: Instant,
}

impl Lock {
    fn is_live(&self, now: Instant) -> bool {
        now.duration_since(self.renewed) <= LIVE
    }
}

impl QueueLocks {
    /// Locks or renews as many of `queues` as are free or the client's own; those are the answer.
    pub(crate) fn lock(
        &self,
        group: &str,
        client: &str,
        queues: Vec<MessageQueue>,
        now: Instant,
    ) -> Vec<MessageQueue> {
        let mut groups = self.groups.lock();
        let locks = groups.entry(group.into()).or_default();
        let mut owned = Vec::with_capacity(queues.len());
        for queue in queues {
            match locks.get_mut(&queue) {
                Some(lock) if *lock.client == *client => lock.renewed = now,
                Some(lock) if lock.is_live(now) && !has(Fault::LockForAll) => continue,
                _ => drop(locks.insert(queue.clone(), Lock { client: client.into(), renewed: now })),
            }
            owned.push(queue);
        }
        owned
    }

    /// Frees those of `queues` that the client holds.
    pub(crate) fn unlock(&self, group: &str, client: &str, queues: &[MessageQueue]) {
        let mut groups = self.groups.lock();
        let Some(locks) = groups.get_mut(group) else { return };
        for queue in queues {
            if locks.get(queue).is_some_and(|lock| *lock.client == *client) {
                locks.remove(queue);
            }
        }
        if locks.is_empty() {
            groups.remove(group);
        }
    }

    /// True when somebody of the group holds a lock: it consumes in order.
    pub(crate) fn is_orderly(&self, group: &str, now: Instant) -> bool {
        self.groups.lock().get(group).is_some_and(|locks| locks.values().any(|lock| lock.is_live(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(id: i32) -> MessageQueue {
        MessageQueue { broker_name: "b".into(), queue_id: id, topic: "T".into() }
    }

    #[test]
    fn a_queue_has_one_holder_until_it_expires() {
        let (locks, start) = (QueueLocks::default(), Instant::now());
        assert_eq!(locks.lock("g", "a", vec![queue(0), queue(1)], start), [queue(0), queue(1)]);
        assert_eq!(locks.lock("g", "b", vec![queue(1), queue(2)], start), [queue(2)]);
        assert_eq!(locks.lock("h", "b", vec![queue(1)], start), [queue(1)], "groups do not meet");
        let later = start + LIVE;
        assert_eq!(locks.lock("g", "a", vec![queue(0)], later), [queue(0)], "renewed");
        let expired = later + Duration::from_secs(1);
        assert_eq!(locks.lock("g", "b", vec![queue(0), queue(1)], expired), [queue(1)]);
        assert!(locks.is_orderly("g", expired));
        assert!(!locks.is_orderly("g", expired + LIVE + LIVE));
    }

    #[test]
    fn only_the_holder_unlocks() {
        let (locks, now) = (QueueLocks::default(), Instant::now());
        locks.lock("g", "a", vec![queue(0)], now);
        locks.unlock("g", "b", &[queue(0)]);
        assert_eq!(locks.lock("g", "b", vec![queue(0)], now), []);
        locks.unlock("g", "a", &[queue(0)]);
        assert_eq!(locks.lock("g", "b", vec![queue(0)], now), [queue(0)]);
    }
}
