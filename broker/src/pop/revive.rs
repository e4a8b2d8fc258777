//! What was not acknowledged in time goes to the group's retry topic.

use super::flight::{self, Flight};
use super::{Partly, Pops};
use crate::broker::Broker;
use crate::clock::{Due, Moment};
use crate::damage::{self, Found};
use crate::faults::step;
use crate::ledger::Stored;
use gantry_message::hash::tag_code;
use gantry_message::{Record, name, properties};
use gantry_store::{NewMessage, QueueOffset};
use std::time::{Duration, Instant};

/// How late a message may be given again, and the acknowledgements that a crash may forget.
const TICK: Duration = Duration::from_millis(100);
/// How many a crash may forget of flights that are not over: most are over before.
const PARTS: Duration = Duration::from_secs(1);
/// Flights that are looked at together.
const TURN: usize = 256;
/// How long a flight waits that could not be brought back, in milliseconds.
const RETRY_MS: i64 = 1000;

/// A thread's work, until the broker stops.
pub(crate) fn run(broker: &Broker) {
    let pops = &broker.pops;
    loop {
        pops.keep_acks(broker, PARTS);
        pops.mark_over(broker);
        let more = pops.revive_due(broker, Moment::now());
        let is_over = if more { broker.stop.is_set() } else { broker.stop.wait(TICK) };
        if is_over {
            pops.keep_acks(broker, Duration::ZERO);
            return pops.mark_over(broker);
        }
    }
}

impl Pops {
    /// Marks what is over.
    fn mark_over(&self, broker: &Broker) {
        let over = std::mem::take(&mut *self.over.lock());
        if over.is_empty() {
            return;
        }
        step("pop: over, not marked");
        if let Err(error) = self.ledger.close_all(&broker.store, &over) {
            tracing::warn!(%error, "cannot put on record what was acknowledged: a restart would repeat it");
            self.over.lock().extend(over);
        }
        step("pop: marked over");
    }

    /// Puts on record what is left of flights of which a part was acknowledged so long ago.
    fn keep_acks(&self, broker: &Broker, ago: Duration) {
        let partly: Vec<_> =
            self.partly.lock().extract_if(.., |partly| partly.since.elapsed() >= ago).collect();
        for parted in partly {
            let key = parted.key;
            let mut lane = parted.lane.lock();
            let Some((entry, flight)) = lane.flights.get(&key).filter(|(_, flight)| flight.acked != 0) else {
                continue;
            };
            let Some(due) = self.ledger.due_of(*entry) else { continue };
            let rest = Flight { offsets: flight.left(), acked: 0, next: None, ..flight.clone() };
            if let Err(error) = self.replace(broker, &mut lane, key, vec![(rest, due)]) {
                tracing::warn!(
                    %error,
                    "cannot put on record what was acknowledged: a restart would repeat it"
                );
                drop(lane);
                self.partly.lock().push(Partly { since: Instant::now(), ..parted });
            }
            step("pop: rest written");
        }
    }

    /// Brings back what is due; true when there is more right now.
    fn revive_due(&self, broker: &Broker, now: Moment) -> bool {
        let due = self.ledger.due(now, TURN);
        for (offset, _) in &due {
            if broker.stop.is_set() {
                return false;
            }
            if let Err(error) = self.revive(broker, *offset, now) {
                tracing::warn!(%offset, error, "messages cannot be given again now: trying again");
                self.ledger.postpone(*offset, Due::after(now, RETRY_MS));
            }
        }
        due.len() == TURN
    }

    fn revive(&self, broker: &Broker, entry: QueueOffset, now: Moment) -> Result<(), String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let bytes = match self.ledger.read(&broker.store, entry).map_err(|error| text(&error))? {
            Stored::Record(bytes) => bytes,
            Stored::NotSafe => {
                self.ledger.postpone(entry, Due::after(now, 1));
                return Ok(());
            }
            Stored::Gone => {
                self.ledger.forget(entry);
                return Ok(());
            }
            Stored::Damaged(why) => {
                self.ledger.set_aside(&broker.damage, entry, &why);
                return Ok(());
            }
        };
        let Some(flight) = flight::read(&bytes) else {
            self.ledger.set_aside(&broker.damage, entry, "it does not say what was given");
            return Ok(());
        };
        let lane = self.lane(&flight.group, &flight.topic, flight.queue);
        let mut lane = lane.lock();
        let Some((_, flight)) = lane.flights.get(&flight.key()).filter(|(at, _)| *at == entry) else {
            // Acknowledged a moment ago, and about to be marked so.
            self.ledger.postpone(entry, Due::after(now, RETRY_MS));
            return Ok(());
        };
        let Some(claim) = self.ledger.claim(entry) else { return Ok(()) };
        step("pop: time is over");
        let (group, topic, queue, key) = (&*flight.group, &*flight.topic, flight.queue, flight.key());
        let messages = self.left(broker, flight).map_err(|error| text(&error))?;
        if messages.is_empty() || broker.topics.get(topic).is_none() {
            tracing::debug!(group, topic, queue, "messages are gone when they are to be given again");
            claim.close(&broker.store).map_err(|error| text(&error))?;
            drop(claim);
            lane.flights.remove(&key);
            return Ok(());
        }
        let is_retry = topic.starts_with(name::RETRY_PREFIX);
        let retry = if is_retry { topic.to_owned() } else { name::pop_retry_topic(group, topic) };
        let retries = broker.topic_or_new(&retry, 1).map_err(|refusal| refusal.remark)?;
        let queue = retries.queue(&broker.store, 0);
        let again: Vec<_> = messages.iter().map(Again::message).collect();
        let mut end = None;
        claim
            .close_by_all(&broker.store, (&queue.log, &again), None, |_, mark| end = Some(mark.end))
            .map_err(|error| text(&error))?;
        step("pop: brought back");
        drop(claim);
        broker.put.add(again.len() as u64);
        let group: Box<str> = group.into();
        let original: Box<str> = if is_retry {
            retry.strip_prefix(&name::pop_retry_topic(&group, "")).unwrap_or(&retry).into()
        } else {
            topic.into()
        };
        lane.flights.remove(&key);
        drop(lane);
        if let Some(end) = end {
            broker.arrived(&queue, tag_code(None), end);
        }
        self.waiting.look(&original, &group, -1);
        Ok(())
    }

    /// The messages of a flight that are not acknowledged, and still in the log as they were stored.
    fn left(&self, broker: &Broker, flight: &Flight) -> std::io::Result<Vec<Again>> {
        let Some(log) = broker.store.existing_queue(&flight.topic, flight.queue) else {
            return Ok(Vec::new());
        };
        let mut left = Vec::new();
        for offset in flight.left() {
            match damage::read(&broker.store, &log, QueueOffset(offset))? {
                Found::Record(bytes) => left.extend(Again::new(bytes, flight.pop_time)),
                Found::Gone => {}
                Found::Damaged(why) => {
                    let (topic, queue) = (&flight.topic, flight.queue);
                    broker.damage.found(topic, queue, QueueOffset(offset), why, "it is not given again");
                }
            }
        }
        Ok(left)
    }
}

/// A message that is given again.
struct Again {
    bytes: bytes::Bytes,
    properties: String,
}

impl Again {
    fn new(bytes: bytes::Bytes, pop_time: i64) -> Option<Self> {
        let (record, _) = Record::read(&bytes).ok()?;
        let mut properties = record.properties.to_owned();
        if record.reconsume_times == 0 || record.property(properties::FIRST_POP_TIME).is_none() {
            // Without it the message is none the worse.
            properties::set_if_it_fits(&mut properties, properties::FIRST_POP_TIME, &pop_time.to_string());
        }
        Some(Self { properties, bytes })
    }

    fn message(&self) -> NewMessage<'_> {
        let again = match Record::read(&self.bytes) {
            Ok((record, _)) => NewMessage::again(&record),
            Err(_) => NewMessage::own(0, &[], ""),
        };
        NewMessage { reconsume_times: again.reconsume_times + 1, properties: &self.properties, ..again }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BrokerConfig;
    use crate::pop::handle::Handle;
    use gantry_store::{Store, StoreConfig};

    #[test]
    fn what_was_acknowledged_is_put_on_record_later_when_it_cannot_be_now() {
        let dir = tempfile::tempdir().unwrap();
        let config = BrokerConfig::new(dir.path());
        let store = Store::open(StoreConfig { file_size: 65_536, ..config.store().unwrap() }).unwrap();
        let broker = Broker::open(config, store).unwrap();
        let flight = Flight {
            group: "g".into(),
            topic: "T".into(),
            queue: 0,
            start: 0,
            offsets: vec![0, 1],
            next: Some(2),
            pop_time: 1,
            invisible: 60_000,
            acked: 0,
        };
        let lane = broker.pops.lane("g", "T", 0);
        broker.pops.send_off(&broker, &mut lane.lock(), flight).unwrap();
        let handle = Handle::parse("0 1 60000 0 0 b 0 0").unwrap();
        broker.pops.ack(&broker, "g", "T", &handle, std::iter::once(0)).unwrap();
        broker.store.close();
        broker.pops.keep_acks(&broker, Duration::ZERO);
        assert_eq!(broker.pops.partly.lock().len(), 1);
    }
}
