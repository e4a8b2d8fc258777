//! POP: the broker keeps account of each message that it gave to a consumer, and gives it again when it is not acknowledged in
//! time (Apache: `PopMessageProcessor`, `PopReviveService`).
//!
//! What was given together is a [`Flight`]: an entry of a [`Ledger`], written before the consumer is answered. It is over when
//! all of it is acknowledged, or when what is left of it has moved to the group's retry topic, in the same append. So a crash
//! repeats messages, but loses none. What a group was given in order is a [`Batch`]: it stays where it is, and the group's offset
//! moves when it is acknowledged.

mod batch;
mod flight;
pub(crate) mod handle;
mod request;
mod revive;
mod take;
mod waiting;

pub(crate) use flight::MOST;
pub(crate) use request::{Asks, Pop};
pub(crate) use revive::run;
pub(crate) use take::{Nothing, Taken};
pub(crate) use waiting::{PopHold, Waiting};

use crate::broker::Broker;
use crate::clock::{Due, Moment, now_ms};
use crate::damage::{self, Damage, Found};
use crate::faults::step;
use crate::json_file;
use crate::ledger::{Ledger, Open, Place};
use crate::offsets::ConsumerOffsets;
use crate::processor;
use batch::Batch;
use flight::Flight;
use gantry_message::{name, properties};
use gantry_remoting::reply::Refusal;
use gantry_store::{AppendError, Appended, NewMessage, QueueOffset, Store, Tag};
use handle::{Handle, IN_ORDER};
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

const PLACE: Place =
    Place { entries: name::POPS_TOPIC, marks: name::POP_MARKS_TOPIC, group: "CID_RMQ_SYS_POP" };

/// The group whose offset says which entries the saved offsets know of.
const SAVED: &str = "CID_RMQ_SYS_POP_SAVED";

/// How a group reads a queue by POP.
#[derive(Debug, Default)]
struct Lane {
    /// Messages on their way, by what their handles say, each with its entry in the ledger.
    flights: HashMap<(i64, i64), (QueueOffset, Flight)>,
    /// What was given in order.
    batch: Option<Batch>,
}

/// A flight of which a part is acknowledged.
#[derive(Debug)]
struct Partly {
    since: Instant,
    lane: Arc<Mutex<Lane>>,
    key: (i64, i64),
}

/// Queues of a group's topic.
type Queues = BTreeMap<i32, Arc<Mutex<Lane>>>;
/// By group and topic.
type Lanes = HashMap<Box<str>, HashMap<Box<str>, Queues>>;

/// What groups were given by POP.
#[derive(Debug)]
pub(crate) struct Pops {
    ledger: Ledger,
    lanes: RwLock<Lanes>,
    /// Entries that are over, and not marked so yet.
    over: Mutex<Vec<QueueOffset>>,
    /// Flights of which a part is acknowledged, and that is not on record yet.
    partly: Mutex<Vec<Partly>>,
    /// The entry behind those that the groups' offsets know of.
    known: AtomicI64,
    pub(crate) waiting: Waiting,
}

impl Pops {
    /// Finds the messages on their way in the log, and brings groups to where they were.
    pub(crate) fn load(
        store: &Store,
        offsets: &ConsumerOffsets,
        damage: &Damage,
    ) -> Result<Self, json_file::Error> {
        let saved = QueueOffset(offsets.get(SAVED, PLACE.entries, 0).unwrap_or(0));
        let (now, mut found) = (Moment::now(), Vec::new());
        let ledger = Ledger::load(PLACE, store, offsets, damage, |at, entry, is_over| {
            if is_over && at < saved {
                return None;
            }
            let bytes = match damage::at(store, entry) {
                Found::Record(bytes) => bytes,
                Found::Gone => return None,
                // Whoever is to bring it back finds out, too.
                Found::Damaged(_) => return Some(Open { due: Due::at(0), times: 0 }),
            };
            let Some(flight) = flight::read(&bytes) else {
                return Some(Open { due: Due::at(0), times: 0 });
            };
            if let Some(next) = flight.next.filter(|_| at >= saved) {
                offsets.commit(&flight.group, &flight.topic, flight.queue, next);
            }
            if is_over || flight.offsets.is_empty() {
                return None;
            }
            let due = flight.due(now);
            found.push((at, flight));
            Some(Open { due, times: 0 })
        })?;
        let pops = Self {
            known: AtomicI64::new(ledger.entries().next_offset().0),
            ledger,
            lanes: RwLock::default(),
            over: Mutex::default(),
            partly: Mutex::default(),
            waiting: Waiting::default(),
        };
        for (at, flight) in found {
            let lane = pops.lane(&flight.group, &flight.topic, flight.queue);
            lane.lock().flights.insert(flight.key(), (at, flight));
        }
        Ok(pops)
    }

    /// Where they are kept.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The offsets that are saved now know of all entries so far.
    pub(crate) fn offsets_are_saved(&self, offsets: &ConsumerOffsets) {
        let end = self.known.load(Ordering::Acquire);
        if offsets.get(SAVED, PLACE.entries, 0).unwrap_or(0) != end {
            offsets.commit(SAVED, PLACE.entries, 0, end);
        }
    }

    fn lane(&self, group: &str, topic: &str, queue: i32) -> Arc<Mutex<Lane>> {
        if let Some(lane) = self.known(group, topic, queue) {
            return lane;
        }
        let mut lanes = self.lanes.write();
        let queues = lanes.entry(group.into()).or_default().entry(topic.into()).or_default();
        Arc::clone(queues.entry(queue).or_default())
    }

    fn known(&self, group: &str, topic: &str, queue: i32) -> Option<Arc<Mutex<Lane>>> {
        self.lanes.read().get(group)?.get(topic)?.get(&queue).cloned()
    }

    /// Puts on record what a group is given, and has it stand behind that: at once, so that offsets which are saved meanwhile either have
    /// it stand there, or do not know of the entry.
    fn send_off(&self, broker: &Broker, lane: &mut Lane, flight: Flight) -> Result<(), AppendError> {
        let due = flight.due(Moment::now());
        let mut entry = None;
        append(broker, &flight, |appended| {
            self.ledger.opened(appended, due);
            if let Some(next) = flight.next {
                broker.offsets.commit(&flight.group, &flight.topic, flight.queue, next);
            }
            self.known.store(appended.queue_offset.0 + 1, Ordering::Release);
            entry = Some(appended.queue_offset);
        })?;
        step("pop: flight written");
        if let Some(entry) = entry {
            lane.flights.insert(flight.key(), (entry, flight));
        }
        Ok(())
    }

    /// Puts on record, in one append, that the flight with this key is over, and that these are on their way instead of it. False when
    /// there is none.
    fn replace(
        &self,
        broker: &Broker,
        lane: &mut Lane,
        key: (i64, i64),
        by: Vec<(Flight, Due)>,
    ) -> Result<bool, AppendError> {
        let claim = lane.flights.get(&key).and_then(|(entry, _)| self.ledger.claim(*entry));
        let Some(claim) = claim else { return Ok(false) };
        let written: Vec<_> = by.iter().map(|(flight, _)| Written::new(flight)).collect();
        let messages: Vec<_> = written.iter().map(Written::message).collect();
        let mut entries = Vec::with_capacity(by.len());
        claim.close_by_all(&broker.store, (self.ledger.entries(), &messages), None, |places, _| {
            for (place, (_, due)) in places.iter().zip(&by) {
                self.ledger.opened(place, *due);
                entries.push(place.queue_offset);
            }
        })?;
        lane.flights.remove(&key);
        lane.flights
            .extend(entries.into_iter().zip(by).map(|(entry, (flight, _))| (flight.key(), (entry, flight))));
        Ok(true)
    }

    /// Acknowledges messages of `topic` that `group` was given by `handle`: those whose offsets are in `offsets`. What is not on
    /// its way any more is acknowledged already, or given again.
    pub(crate) fn ack(
        &self,
        broker: &Broker,
        group: &str,
        topic: &str,
        handle: &Handle,
        offsets: impl Iterator<Item = i64>,
    ) -> Result<(), Refusal> {
        let Some(known) = self.known(group, topic, handle.queue) else { return Ok(()) };
        let mut lane = known.lock();
        if handle.revive_queue == IN_ORDER {
            for offset in offsets {
                self.ack_in_order(broker, &mut lane, group, topic, handle, offset)?;
            }
            return Ok(());
        }
        let key = (handle.start, handle.pop_time);
        let Some((entry, flight)) = lane.flights.get_mut(&key) else { return Ok(()) };
        let before = flight.acked;
        for offset in offsets {
            flight.ack(offset);
        }
        step("pop: acknowledged");
        if flight.is_over() {
            self.over.lock().push(*entry);
            lane.flights.remove(&key);
        } else if before == 0 && flight.acked != 0 {
            self.partly.lock().push(Partly { since: Instant::now(), lane: Arc::clone(&known), key });
        }
        Ok(())
    }

    fn ack_in_order(
        &self,
        broker: &Broker,
        lane: &mut Lane,
        group: &str,
        topic: &str,
        handle: &Handle,
        offset: i64,
    ) -> Result<(), Refusal> {
        let Some(batch) = &mut lane.batch else { return Ok(()) };
        let Some(next) = batch.ack(offset, handle.pop_time) else { return Ok(()) };
        broker.offsets.raise(group, topic, handle.queue, next);
        if !batch.blocks(None, Moment::now()) {
            self.waiting.look(topic, group, handle.queue);
        }
        Ok(())
    }

    /// Has a message be given again `invisible` milliseconds from now, and no sooner. Gives the new time of its handle and the time
    /// that this is from there; `None` when it is not on its way any more.
    pub(crate) fn hide(
        &self,
        broker: &Broker,
        group: &str,
        topic: &str,
        handle: &Handle,
        invisible: i64,
    ) -> Result<Option<(i64, i64)>, Refusal> {
        let Some(known) = self.known(group, topic, handle.queue) else { return Ok(None) };
        let mut lane = known.lock();
        let now = Moment::now();
        if handle.revive_queue == IN_ORDER {
            let visible = Due::after(now, invisible);
            let batch = lane.batch.as_mut();
            let hidden = batch.is_some_and(|batch| batch.hide(handle.offset, handle.pop_time, visible));
            return Ok(hidden.then(|| (handle.pop_time, visible.at - handle.pop_time)));
        }
        let key = (handle.start, handle.pop_time);
        let Some((entry, flight)) = lane.flights.get(&key) else { return Ok(None) };
        let Some(due) = self.ledger.due_of(*entry) else { return Ok(None) };
        let mut left = flight.left();
        let Ok(n) = left.binary_search(&handle.offset) else { return Ok(None) };
        left.remove(n);
        // Another key than the old one's, however fast this was.
        let pop_time = now.wall.max(handle.pop_time + 1);
        let alone = Flight {
            start: handle.offset,
            offsets: vec![handle.offset],
            pop_time,
            invisible,
            acked: 0,
            next: None,
            ..flight.clone()
        };
        let rest = Flight { offsets: left, acked: 0, next: None, ..flight.clone() };
        let both = [(alone, Due::after(now, invisible)), (rest, due)];
        let both = both.into_iter().filter(|(flight, _)| !flight.offsets.is_empty()).collect();
        let hidden = self.replace(broker, &mut lane, key, both);
        step("pop: hidden");
        let hidden = hidden.map_err(|error| processor::append_failed(broker, error))?;
        Ok(hidden.then_some((pop_time, invisible)))
    }

    /// How many messages of a queue are on their way to `group`.
    pub(crate) fn in_flight(&self, group: &str, topic: &str, queue: i32) -> usize {
        let Some(lane) = self.known(group, topic, queue) else { return 0 };
        let lane = lane.lock();
        lane.flights.values().map(|(_, flight)| flight.left().len()).sum()
    }

    /// What groups and topics (in this order) were given is nobody's any more: neither comes back as it was.
    pub(crate) fn forget(&self, broker: &Broker, is_it: impl Fn(&str, &str) -> bool) -> Result<(), Refusal> {
        let found: Vec<_> = {
            let lanes = self.lanes.read();
            let topics =
                lanes.iter().flat_map(|(group, topics)| topics.iter().map(move |(t, q)| (group, t, q)));
            let found = topics.filter(|(group, topic, _)| is_it(group, topic));
            found.flat_map(|(_, _, queues)| queues.values().cloned()).collect()
        };
        // The lanes stay: whoever has one at this moment puts its flights where they are found.
        for lane in found {
            let mut lane = lane.lock();
            lane.batch = None;
            let entries: Vec<_> = lane.flights.values().map(|(entry, _)| *entry).collect();
            let closed = self.ledger.close_all(&broker.store, &entries);
            closed.map_err(|error| processor::append_failed(broker, error))?;
            lane.flights.clear();
        }
        Ok(())
    }

    /// A group was moved to `offset` of a queue: what it was given before comes again only from there.
    pub(crate) fn moved(
        &self,
        broker: &Broker,
        group: &str,
        topic: &str,
        queue: i32,
        offset: i64,
    ) -> Result<(), Refusal> {
        let Some(lane) = self.known(group, topic, queue) else { return Ok(()) };
        let mut lane = lane.lock();
        let mark = Flight {
            group: group.into(),
            topic: topic.into(),
            queue,
            start: offset,
            offsets: Vec::new(),
            next: Some(offset),
            pop_time: now_ms(),
            invisible: 0,
            acked: 0,
        };
        // After a crash the group is brought to where its last entry says.
        append(broker, &mark, |entry| self.known.store(entry.queue_offset.0 + 1, Ordering::Release))
            .map_err(|error| processor::append_failed(broker, error))?;
        lane.batch = None;
        let flights = std::mem::take(&mut lane.flights);
        self.over.lock().extend(flights.into_values().map(|(entry, _)| entry));
        Ok(())
    }
}

fn append(broker: &Broker, flight: &Flight, mut told: impl FnMut(&Appended)) -> Result<(), AppendError> {
    let entries = broker.pops.ledger.entries();
    let written = Written::new(flight);
    broker.store.append_batch(entries, &[written.message()], None, &mut |appended| told(&appended))
}

/// A flight as it is written.
struct Written {
    body: Vec<u8>,
    properties: String,
    due: i64,
}

impl Written {
    fn new(flight: &Flight) -> Self {
        let due = flight.visible_at();
        let mut text = String::new();
        properties::push(&mut text, properties::TIMER_OUT_MS, &due.to_string());
        Self { body: serde_json::to_vec(flight).unwrap_or_default(), properties: text, due }
    }

    fn message(&self) -> NewMessage<'_> {
        NewMessage { tag: Tag::DueAt(self.due), ..NewMessage::own(now_ms(), &self.body, &self.properties) }
    }
}
