//! Topics whose messages expire earlier than the log's files (Apache: topic attribute `reserve.time`, there for tiered storage).
//!
//! The log has all topics in it, so what expires is not deleted, but cannot be consumed any more.

use crate::broker::Broker;
use gantry_remoting::ResponseCode;
use gantry_remoting::body::TopicConfig;
use gantry_remoting::reply::Refusal;
use gantry_store::Boundary;
use std::io;
use std::time::Duration;

/// A number of hours; -1 and none: as long as the log has them.
const ATTRIBUTE: &str = "reserve.time";
const HOUR: Duration = Duration::from_secs(3600);

/// How often topics are looked through.
pub(crate) const EVERY: Duration = Duration::from_secs(60);

/// How long the messages of a topic can be consumed; none: as long as the log has them.
///
/// # Errors
/// The attribute is no number of hours.
pub(crate) fn of(config: &TopicConfig) -> Result<Option<Duration>, Refusal> {
    let Some(text) = config.attributes.get(ATTRIBUTE) else { return Ok(None) };
    match text.parse::<i64>() {
        Ok(-1) => Ok(None),
        Ok(hours @ 1..) => Ok(Some(HOUR.saturating_mul(u32::try_from(hours).unwrap_or(u32::MAX)))),
        _ => Err(Refusal::new(
            ResponseCode::INVALID_PARAMETER,
            format!(
                "{ATTRIBUTE} must be a number of hours, or -1 for as long as the broker keeps messages, not {text:?}"
            ),
        )),
    }
}

/// Moves the first offset of queues behind what has expired at `now` (milliseconds since the epoch). What is older than the moment
/// `set_at` at which somebody set the clock is as old as that.
///
/// # Errors
/// Files of a queue could not be read or removed; the rest was done.
pub(crate) fn expire(broker: &Broker, now: i64, set_at: Option<i64>) -> io::Result<()> {
    let mut result = Ok(());
    for (topic, kept) in broker.topics.with_retention() {
        let before = now.saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX));
        if set_at.is_some_and(|set_at| before < set_at) {
            continue;
        }
        for queue in broker.store.queues_of(&topic) {
            let moved = broker
                .store
                .search_offset(&queue, before, Boundary::Lower)
                .and_then(|first| broker.store.forget_before(&queue, first));
            result = result.and(moved);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BrokerConfig;
    use gantry_store::{NewMessage, Store, StoreConfig};

    #[test]
    fn what_has_expired_is_gone_for_consumers_only() {
        let dir = tempfile::tempdir().unwrap();
        let config = BrokerConfig::new(dir.path());
        let store = Store::open(StoreConfig { file_size: 65_536, ..config.store().unwrap() }).unwrap();
        let broker = Broker::open(config, store).unwrap();
        let mut places = Vec::new();
        for (topic, hours) in [("short", "1"), ("long", "-1")] {
            let mut config = TopicConfig::new(topic, 1, 6);
            config.attributes.insert(ATTRIBUTE.into(), hours.into());
            broker.topics.get_or_create(topic, || config).unwrap();
            let queue = broker.store.queue(topic, 0);
            for _ in 0..3 {
                places.push(broker.store.append(&queue, &NewMessage::own(0, b"x", ""), None).unwrap());
            }
        }
        let stored = places[0].store_timestamp;
        let left = |topic| {
            let queue = broker.store.queue(topic, 0);
            broker.store.max_offset(&queue).0 - queue.min_offset().0
        };
        expire(&broker, stored + 3_600_000, None).unwrap();
        assert_eq!((left("short"), left("long")), (3, 3));
        let later = stored + 2 * 3_600_000;
        expire(&broker, later, Some(later)).unwrap();
        assert_eq!((left("short"), left("long")), (3, 3), "the clock was set");
        expire(&broker, later, Some(stored)).unwrap();
        assert_eq!((left("short"), left("long")), (0, 3));
        assert!(broker.store.read_at(places[0].physical_offset).is_some(), "found by its id");
        let queue = broker.store.queue("short", 0);
        let next = broker.store.append(&queue, &NewMessage::own(0, b"x", ""), None).unwrap();
        assert_eq!((next.queue_offset.0, left("short")), (3, 1), "offsets go on");
    }

    #[test]
    fn hours_or_not_at_all() {
        let with = |value: &str| {
            let mut config = TopicConfig::new("T", 1, 6);
            config.attributes.insert(ATTRIBUTE.into(), value.into());
            of(&config).map_err(|refusal| refusal.remark)
        };
        assert_eq!(of(&TopicConfig::new("T", 1, 6)).unwrap(), None);
        assert_eq!(with("-1"), Ok(None));
        assert_eq!(with("24"), Ok(Some(24 * HOUR)));
        assert!(with(&i64::MAX.to_string()).unwrap().is_some());
        for bad in ["0", "-2", "1d", "", "1.5"] {
            assert!(with(bad).unwrap_err().contains("number of hours"), "{bad}");
        }
    }
}
