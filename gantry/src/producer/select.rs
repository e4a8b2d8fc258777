//! Which queue a message goes to. Pure, but for where the rotation starts.

use gantry_message::hash::java_hash;
use gantry_remoting::body::MessageQueue;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where a message is to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// Any queue, one after the other; another one is tried when a broker cannot take it.
    #[default]
    Any,
    /// The queue that the key's hash chooses; no other.
    Key(String),
    /// This queue of this broker, or of the only broker there is; no other.
    Queue {
        /// The broker's name, needed when several have the topic.
        broker_name: Option<String>,
        /// The queue's id.
        queue_id: i32,
    },
}

/// One queue after the other.
#[derive(Debug)]
pub struct Rotation(AtomicUsize);

impl Default for Rotation {
    /// Starts anywhere: otherwise programs that send one message would all choose the same queue.
    fn default() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(AtomicUsize::new(now.subsec_nanos() as usize / 1_000))
    }
}

impl Rotation {
    /// Starts at queue `index`.
    #[must_use]
    pub fn from_index(index: usize) -> Self {
        Self(AtomicUsize::new(index))
    }

    /// The next queue, of another broker than `avoid` while there is one.
    pub fn next<'a>(&self, queues: &'a [MessageQueue], avoid: Option<&str>) -> Option<&'a MessageQueue> {
        let step = || {
            let index = self.0.fetch_add(1, Ordering::Relaxed).checked_rem(queues.len())?;
            queues.get(index)
        };
        let elsewhere =
            (0..queues.len()).find_map(|_| step().filter(|queue| Some(queue.broker_name.as_str()) != avoid));
        elsewhere.or_else(step)
    }
}

/// The queue of a sharding key (Apache: `SelectMessageQueueByHash`).
#[must_use]
pub fn by_key<'a>(queues: &'a [MessageQueue], key: &str) -> Option<&'a MessageQueue> {
    let count = i32::try_from(queues.len()).ok()?;
    let index = java_hash(key).checked_rem(count)?.unsigned_abs();
    queues.get(usize::try_from(index).ok()?)
}

/// The queue that a user named; an error lists what there is.
///
/// # Errors
/// The names of the queues that exist, when this one does not or when several brokers have one of that id.
pub fn pick<'a>(
    queues: &'a [MessageQueue],
    broker_name: Option<&str>,
    queue_id: i32,
) -> Result<&'a MessageQueue, String> {
    let mut matching = queues.iter().filter(|queue| {
        queue.queue_id == queue_id && broker_name.is_none_or(|name| name == queue.broker_name)
    });
    match (matching.next(), matching.next()) {
        (Some(queue), None) => Ok(queue),
        _ => Err(describe(queues)),
    }
}

/// `broker-a:0..3, broker-b:0..7`.
fn describe(queues: &[MessageQueue]) -> String {
    let mut names: Vec<&str> = queues.iter().map(|queue| queue.broker_name.as_str()).collect();
    names.dedup();
    let ranges = names.into_iter().map(|name| {
        let ids = || queues.iter().filter(|queue| queue.broker_name == name).map(|queue| queue.queue_id);
        match (ids().min(), ids().max()) {
            (Some(first), Some(last)) if first != last => format!("{name}:{first} to {name}:{last}"),
            (Some(only), _) => format!("{name}:{only}"),
            _ => name.to_owned(),
        }
    });
    ranges.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn queues(brokers: &[(&str, i32)]) -> Vec<MessageQueue> {
        brokers
            .iter()
            .flat_map(|(name, count)| {
                (0..*count).map(|queue_id| MessageQueue {
                    broker_name: (*name).into(),
                    queue_id,
                    topic: "T".into(),
                })
            })
            .collect()
    }

    #[test]
    fn a_key_goes_where_java_sends_it() {
        // What SelectMessageQueueByHash 5.5.0 chose among 3, 4, 8 and 16 queues.
        let java = [
            ("TagA", [1, 3, 7, 7]),
            ("polygenelubricants", [2, 0, 0, 0]),
            ("order-1", [2, 2, 6, 14]),
            ("customer-7", [2, 0, 0, 8]),
            ("订单", [1, 3, 3, 3]),
            ("key-0", [2, 2, 2, 2]),
            ("key-1", [0, 3, 3, 3]),
        ];
        for (key, chosen) in java {
            let ours = [3, 4, 8, 16].map(|count| by_key(&queues(&[("a", count)]), key).unwrap().queue_id);
            assert_eq!(ours, chosen, "{key}");
        }
        assert_eq!(by_key(&[], "x"), None);
    }

    #[test]
    fn a_rotation_meets_every_queue_and_avoids_a_broker_while_it_can() {
        let two = queues(&[("a", 2), ("b", 2)]);
        let rotation = Rotation::from_index(3);
        let met: BTreeSet<_> = (0..4).map(|_| rotation.next(&two, None).unwrap().clone()).collect();
        assert_eq!(met.len(), 4);
        for _ in 0..10 {
            assert_eq!(rotation.next(&two, Some("a")).unwrap().broker_name, "b");
        }
        assert!(rotation.next(&queues(&[("a", 2)]), Some("a")).is_some(), "the only broker is tried again");
        assert_eq!(rotation.next(&[], None), None);
    }

    #[test]
    fn a_named_queue_is_found_or_what_there_is_is_listed() {
        let two = queues(&[("a", 2), ("b", 1)]);
        assert_eq!(pick(&two, None, 1).unwrap().broker_name, "a");
        assert_eq!(pick(&two, Some("b"), 0).unwrap().broker_name, "b");
        assert_eq!(pick(&two, None, 0), Err("a:0 to a:1, b:0".into()), "two brokers have a queue 0");
        assert_eq!(pick(&two, None, 9), Err("a:0 to a:1, b:0".into()));
    }
}
