//! The gate in front of pulls, and the commits that open it.
//!
//! Before a group is given the first message behind a fence, that it has passed the fence is on record, and on the disk: so a
//! crash, which may forget commits, never brings it back before the fence and repeats only what is old.

use super::groups::{At, is_gated};
use crate::broker::Broker;
use crate::faults::{self, Fault};
use crate::topics::Topic;
use gantry_message::QueueOffset;
use gantry_remoting::reply::Refusal;
use gantry_scaling::{Event, Gate};
use gantry_store::PhysicalOffset;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Whether a group may read a queue at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// As far as there are messages.
    Open,
    /// So many messages.
    Messages(usize),
    /// Not now. It is told when that changes.
    Closed,
}

/// Groups whose passing of a fence is on record, but maybe not on the disk yet.
#[derive(Debug, Default)]
pub(crate) struct Passages {
    tickets: AtomicU64,
    waiting: Mutex<Vec<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    end: PhysicalOffset,
    topic: Arc<Topic>,
    group: Box<str>,
}

impl Passages {
    /// The log is on the disk up to here.
    pub(crate) fn tell_durable(&self, durable: PhysicalOffset) {
        let safe: Vec<_> = self.waiting.lock().extract_if(.., |waiting| waiting.end <= durable).collect();
        for Waiting { topic, group, .. } in safe {
            topic.wake_gated(&group);
        }
    }

    /// A record about the group is about to be written.
    fn expect(&self, topic: &Arc<Topic>, group: &str) -> u64 {
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        let end = PhysicalOffset(i64::MAX);
        self.waiting.lock().push(Waiting { ticket, end, topic: Arc::clone(topic), group: group.into() });
        ticket
    }

    /// It was, and ends here.
    fn ends(&self, ticket: u64, end: PhysicalOffset) {
        let mut waiting = self.waiting.lock();
        waiting.iter_mut().filter(|waiting| waiting.ticket == ticket).for_each(|waiting| waiting.end = end);
    }

    /// Whether the log has still to come to the disk before the group may go on.
    fn are_unsafe(&self, topic: &Arc<Topic>, group: &str, durable: PhysicalOffset) -> bool {
        let is_this = |waiting: &Waiting| Arc::ptr_eq(&waiting.topic, topic) && *waiting.group == *group;
        self.waiting.lock().iter().any(|waiting| waiting.end > durable && is_this(waiting))
    }
}

/// Whether `group` may read `queue` at `offset`. A look at a counter for a topic that was never scaled.
pub(crate) fn passage(
    broker: &Broker,
    topic: &Arc<Topic>,
    group: &str,
    queue: i32,
    offset: QueueOffset,
) -> Passage {
    let Some(state) = topic.scales.now() else { return Passage::Open };
    if queue >= topic.config().read_queue_nums {
        return Passage::Closed;
    }
    if state.flips.is_empty() {
        return Passage::Open;
    }
    if !is_gated(broker, group) || faults::has(Fault::NoGates) {
        return Passage::Open;
    }
    let mut gate = state.gate(group, queue, &At { broker, topic, group });
    let is_closed = |gate: &Gate| gate.limit.is_some_and(|limit| offset >= limit);
    if is_closed(&gate) {
        return Passage::Closed;
    }
    if !gate.unrecorded.is_empty() {
        match record_passed(broker, topic, group, queue) {
            Ok(now) => gate = now,
            Err(refusal) => {
                tracing::warn!(group, topic = topic.name(), %refusal, "a gate stays closed");
                return Passage::Closed;
            }
        }
        if is_closed(&gate) {
            return Passage::Closed;
        }
    }
    if broker.passages.are_unsafe(topic, group, broker.store.durable_end()) {
        return Passage::Closed;
    }
    match gate.limit {
        Some(limit) => Passage::Messages(usize::try_from(limit - offset).unwrap_or(0)),
        None => Passage::Open,
    }
}

/// Puts on record which fences a group has passed, as it stands while nobody sets it back. Gives the gate then.
fn record_passed(broker: &Broker, topic: &Arc<Topic>, group: &str, queue: i32) -> Result<Gate, Refusal> {
    let mut scales = broker.journal.changing();
    let state = topic.scales.now().unwrap_or_default();
    let gate = state.gate(group, queue, &At { broker, topic, group });
    let mut passed: BTreeMap<_, Vec<i32>> = BTreeMap::new();
    for passage in &gate.unrecorded {
        passed.entry(passage.id.clone()).or_default().push(passage.queue);
    }
    // On the list first: another pull of the group sees the record as soon as it is there.
    let ticket = broker.passages.expect(topic, group);
    let mut end = PhysicalOffset(0);
    let recorded = passed.into_iter().try_for_each(|(id, queues)| {
        let event = Event::Passed { id, group: group.to_owned(), queues };
        scales.record(broker, topic, &event).map(|after| end = after)
    });
    broker.passages.ends(ticket, end);
    recorded.map(|()| gate)
}

/// Commits a group's offset, forwards or back.
pub(crate) fn commit(
    broker: &Broker,
    topic: &Topic,
    group: &str,
    queue: i32,
    offset: i64,
) -> Result<(), Refusal> {
    let name = topic.name();
    let Some(state) = topic.scales.now() else {
        broker.offsets.commit(group, name, queue, offset);
        return Ok(());
    };
    let to = QueueOffset(offset);
    let from = QueueOffset(broker.offsets.get(group, name, queue).unwrap_or(0));
    if to < from {
        return set_back(broker, topic, group, queue, to, || {
            broker.offsets.commit(group, name, queue, offset)
        });
    }
    broker.offsets.commit(group, name, queue, offset);
    if state.flips.iter().any(|flip| from < flip.fence(queue) && flip.fence(queue) <= to) {
        topic.wake_gated(group);
    }
    Ok(())
}

/// Moves a group and remembers to tell it. Gives where to.
pub(crate) fn reset(
    broker: &Broker,
    topic: &Topic,
    group: &str,
    queue: i32,
    offset: i64,
) -> Result<i64, Refusal> {
    let mut to = offset;
    if let Some(state) = topic.scales.now() {
        to = state.began(queue).map_or(to, |flip| to.max(flip.fence(queue).0));
    }
    let set = || broker.offsets.reset(group, topic.name(), queue, to);
    set_back(broker, topic, group, queue, QueueOffset(to), set)?;
    topic.wake_gated(group);
    Ok(to)
}

/// Sets a group back while nobody puts on record that it passed a fence. That it did not any more is on record before, so that no
/// crash brings it forward again.
fn set_back(
    broker: &Broker,
    topic: &Topic,
    group: &str,
    queue: i32,
    offset: QueueOffset,
    set: impl FnOnce(),
) -> Result<(), Refusal> {
    let mut scales = broker.journal.changing();
    if topic.scales.now().is_some_and(|state| state.is_set_back(group, queue, offset)) {
        let event = Event::WentBack { group: group.to_owned(), queue, offset };
        scales.record(broker, topic, &event)?;
    }
    set();
    Ok(())
}
