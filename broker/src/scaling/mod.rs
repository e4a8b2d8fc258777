//! Scales of ordered topics on this broker: the state machine of [`gantry_scaling`], tied to the log, the queues and the
//! clients.
//!
//! A change is a record in the log first, then state, under one lock; so the state is always what the records say, whoever
//! reads them. Sends look at a topic's [`Cell`] for the queue that takes them, pulls for how far a group may read. Both cost a
//! load while a topic was never scaled.

mod cell;
mod gate;
mod groups;
mod journal;
mod key;
mod producers;
mod settle;
mod view;

pub(crate) use cell::Cell;
pub(crate) use gate::{Passage, Passages, commit, passage, reset};
pub(crate) use journal::{Journal, flush};
pub(crate) use key::check as check_key;
pub(crate) use settle::Settling;
pub(crate) use view::view;

use crate::broker::Broker;
use crate::clock::now_ms;
use crate::faults::{self, Fault};
use crate::topics::Topic;
use gantry_message::QueueOffset;
use gantry_remoting::ResponseCode;
use gantry_remoting::body::TopicConfig;
use gantry_remoting::reply::Refusal;
use gantry_scaling::{Begin, Event, KeyProperty, Plan, ScaleId, Settle, TopicScaling, common_divisor};
use std::sync::Arc;

/// What a request to begin a scale says beyond the scale itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    pub(crate) settle: Settle,
    pub(crate) open_reads_early: bool,
}

/// Begins a scale; the same again does nothing. True when name servers have to hear of a change.
pub(crate) fn begin(broker: &Broker, topic: &Arc<Topic>, begin: &Begin, how: How) -> Result<bool, Refusal> {
    faults::arm();
    let mut scales = broker.journal.changing();
    let config = topic.config();
    let state = topic.scales.now().unwrap_or_default();
    let plan = state.plan(begin, config.write_queue_nums);
    let plan = plan.map_err(refuse)?;
    let &Begin { ref id, from, to, .. } = begin;
    let name = topic.name();
    match plan {
        // Settings may lag behind the record, when a crash came between.
        Plan::Known => tracing::debug!(topic = name, %id, "this scale is known"),
        Plan::Announce => {
            let event = Event::Announced { id: id.clone(), from, to, settle: how.settle, at: now_ms() };
            scales.record(broker, topic, &event)?;
            tracing::info!(topic = name, %id, from, to, "scale announced");
        }
        Plan::Flip => {
            scales.flip(broker, topic, begin, Rule::of(&state, begin))?;
            tracing::info!(topic = name, %id, from, to, "scaled");
        }
    }
    drop(scales);
    // Those that go stay open either way.
    let changed = follow(broker, topic, |read| if how.open_reads_early { read.max(to) } else { read });
    broker.settling.look_at(broker, topic);
    changed
}

/// Gives an announced scale up. Producers that learned of it are served on.
pub(crate) fn abort(broker: &Broker, topic: &Arc<Topic>, id: &ScaleId) -> Result<bool, Refusal> {
    let mut scales = broker.journal.changing();
    let state = topic.scales.now().unwrap_or_default();
    if state.flip(id).is_some() {
        return Err(refuse(format!(
            "scale {id} has flipped: messages are in the new queues, it can only go on; to have fewer queues again, scale back"
        )));
    }
    if !state.knows(id) {
        return Err(refuse(format!("there is no scale {id} of this topic")));
    }
    let Some(announced) = state.announced.as_ref().filter(|announced| announced.id == *id) else {
        return Ok(false);
    };
    scales.record(broker, topic, &Event::Aborted { id: id.clone() })?;
    drop(scales);
    tracing::info!(topic = topic.name(), %id, "scale aborted");
    let from = announced.from;
    follow(broker, topic, |read| read.min(state.readable().unwrap_or(from)))
}

/// Ends a scale: new queues open to everybody, or those that went close, when no group needs them any more.
pub(crate) fn open(broker: &Broker, topic: &Arc<Topic>, id: &ScaleId) -> Result<bool, Refusal> {
    let mut scales = broker.journal.changing();
    let state = topic.scales.now().unwrap_or_default();
    let Some(flip) = state.flip(id) else {
        return match state.knows(id) {
            true if state.announced.is_none() => Ok(false),
            true => Err(refuse(format!("scale {id} has not flipped yet"))),
            false => Err(refuse(format!("there is no scale {id} of this topic"))),
        };
    };
    if !flip.opened {
        if flip.to < flip.from {
            let queues: Vec<i32> = (flip.to..flip.from).collect();
            for group in groups::tracked(broker, topic.name()) {
                let at = groups::At { broker, topic, group: &group };
                if let Some(left) = groups::left(flip, &at) {
                    return Err(refuse(format!(
                        "group {group} has still {left} messages to read in queues that go"
                    )));
                }
                scales.record(
                    broker,
                    topic,
                    &Event::Passed { id: id.clone(), group, queues: queues.clone() },
                )?;
            }
        }
        scales.record(broker, topic, &Event::Opened { id: id.clone() })?;
        tracing::info!(topic = topic.name(), %id, "scale done");
    }
    drop(scales);
    let state = topic.scales.now().unwrap_or_default();
    let (grows, to) = (flip.to > flip.from, flip.to);
    let readable = state.readable().unwrap_or(to);
    follow(broker, topic, |read| if grows { read.max(to) } else { read.min(readable) })
}

/// Somebody changes a topic's settings by hand: what the scales need stays as it is, and what they have done is let go of when
/// the number of queues is set to another, unless the broker keeps the order by itself.
pub(crate) fn change_by_hand(
    broker: &Broker,
    topic: &Arc<Topic>,
    wanted: &TopicConfig,
) -> Result<(), Refusal> {
    key::change(broker, topic, wanted)?;
    let Some(state) = topic.scales.now() else { return Ok(()) };
    let is = topic.config().write_queue_nums;
    if wanted.write_queue_nums == is || state.queues.is_none() {
        return Ok(());
    }
    if let Some(id) = state.active() {
        return Err(refuse(format!(
            "topic {} is being scaled in order (scale {}): writeQueueNums stays {is} until that is done; abort it first, or wait",
            topic.name(),
            id
        )));
    }
    broker.journal.changing().record_safely(broker, topic, &Event::Released)
}

/// A topic is about to be deleted: one of the same name starts anew.
pub(crate) fn topic_deleted(broker: &Broker, topic: &Topic) -> Result<(), Refusal> {
    if topic.scales.now().is_none() {
        return Ok(());
    }
    broker.journal.changing().record_safely(broker, topic, &Event::TopicDeleted)
}

/// A group's offsets are about to be deleted: one of the same name starts anew.
pub(crate) fn group_deleted(broker: &Broker, group: &str) -> Result<(), Refusal> {
    for topic in broker.topics.scaled() {
        if topic.scales.now().is_some_and(|state| state.passed.contains_key(group)) {
            let event = Event::GroupDeleted { group: group.into() };
            broker.journal.changing().record_safely(broker, &topic, &event)?;
        }
    }
    Ok(())
}

/// Brings a topic's settings in line with its scales. True when they changed. After an error, what asked for it may be asked
/// for again: it is on record, and only this is left of it.
fn follow(broker: &Broker, topic: &Arc<Topic>, read: impl FnOnce(i32) -> i32) -> Result<bool, Refusal> {
    let Some(write) = topic.scales.now().and_then(|state| write_queues(&state)) else { return Ok(false) };
    let config = topic.config();
    let read_queue_nums = read(config.read_queue_nums);
    if (write, read_queue_nums) == (config.write_queue_nums, config.read_queue_nums) {
        return Ok(false);
    }
    // Were they on the disk and the record not, there would be new queues and no gates after a loss of power.
    flush(broker)?;
    faults::point("before the settings follow");
    let config = TopicConfig { write_queue_nums: write, read_queue_nums, ..(*config).clone() };
    broker.topics.update(topic, config)
}

/// The number of queues that producers are told; `None` when scales have no say.
fn write_queues(state: &TopicScaling) -> Option<i32> {
    let queues = state.queues?;
    Some(state.announced.as_ref().map_or(queues, |announced| announced.to))
}

/// Where a group goes on, or starts, in a queue that a scale made: never behind a message that came to it since, nor before
/// what was given up. `None` where scales have no say.
pub(crate) fn start(broker: &Broker, group: &str, topic: &str, queue: i32) -> Option<i64> {
    let found = broker.topics.get(topic)?;
    let state = found.scales.now()?;
    if faults::has(Fault::ChildrenAtEnd) && broker.offsets.get(group, topic, queue).is_none() {
        return state.began(queue).map(|_| found.queue(&broker.store, queue).log.next_offset().0);
    }
    let announced = state.announced.as_ref().filter(|announced| queue >= announced.from);
    let (start, since) = match (announced, state.began(queue)) {
        // Nothing comes to it before the flip.
        (Some(announced), None) => (found.queue(&broker.store, queue).log.next_offset(), announced.at),
        (_, Some(flip)) => (flip.fence(queue), flip.at),
        (None, None) => return None,
    };
    if let Some(offset) = broker.offsets.get(group, topic, queue) {
        return Some(offset.max(start.0));
    }
    // A group that came later starts where it wishes.
    let was_there = broker.consumers.since(group).is_some_and(|online| online <= since);
    (was_there || broker.offsets.knows(group, topic)).then_some(start.0)
}

/// The number of queues that can be read, where it is `read` and a crash may have come between a record and the settings.
fn read_queues(state: &TopicScaling, read: i32) -> i32 {
    let Some(queues) = state.queues.filter(|_| !state.is_active()) else { return read };
    match state.flips.last() {
        // It was opened, and nobody changed this since.
        Some(flip) if !flip.by_hand && flip.from < flip.to && read == flip.from => flip.to,
        // What lies above was given up, or never came to be.
        _ => read.min(queues),
    }
}

/// Drops flips that guard nothing any more. Called now and then.
pub(crate) fn forget_expired(broker: &Broker) {
    for topic in broker.topics.scaled() {
        if topic.scales.now().is_some_and(|state| !state.flips.is_empty()) {
            let first = |queue: i32| {
                let queue = broker.store.existing_queue(topic.name(), queue);
                queue.map_or(QueueOffset(i64::MAX), |queue| queue.min_offset())
            };
            broker.journal.changing().forget_expired(&topic, first);
        }
    }
}

/// Takes up, at the start, what the records say: topics' settings follow their scales, and no group is before a fence that it
/// had passed.
pub(crate) fn resume(broker: &Broker) {
    for topic in broker.topics.scaled() {
        let Some(state) = topic.scales.now() else { continue };
        if let Err(refusal) = follow(broker, &topic, |read| read_queues(&state, read)) {
            tracing::error!(topic = topic.name(), %refusal, "the settings stay behind the last scale");
        }
        key::resume(broker, &topic);
        for (group, passed) in &state.passed {
            for queue in passed.values().flatten() {
                if let Some(fence) = state.passed_to(group, *queue) {
                    broker.offsets.raise(group, topic.name(), *queue, fence.0);
                }
            }
        }
        broker.settling.look_at(broker, &topic);
    }
}

/// Has the consumers of a topic look at their queues again, now and not within 20 s.
fn notify_readers(broker: &Broker, topic: &Topic) {
    for group in broker.consumers.groups_of(topic.name()) {
        broker.notify_group(&group);
    }
}

fn refuse(why: impl ToString) -> Refusal {
    Refusal::new(ResponseCode::INVALID_PARAMETER, why.to_string())
}

/// By which rule messages find their queues from a flip on: see [`Event::Flipped`].
struct Rule {
    modulus: i32,
    key: Option<KeyProperty>,
    by_hand: bool,
}

impl Rule {
    /// The rule that is in force, with another number of queues.
    fn of(state: &TopicScaling, scale: &Begin) -> Self {
        Self { modulus: common_divisor(scale.from, scale.to), key: state.key.clone(), by_hand: false }
    }
}

impl journal::Changing<'_> {
    /// The flip: with nothing appended in between, where the queues end goes on record and the new queues take over.
    fn flip(
        &mut self,
        broker: &Broker,
        topic: &Arc<Topic>,
        scale: &Begin,
        rule: Rule,
    ) -> Result<(), Refusal> {
        let &Begin { ref id, from, to } = scale;
        let queues: Vec<_> =
            (0..from.max(to)).map(|queue| Arc::clone(&topic.queue(&broker.store, queue).log)).collect();
        let at = now_ms();
        let event = |ends: &[QueueOffset]| Event::Flipped {
            id: id.clone(),
            from,
            to,
            modulus: rule.modulus,
            fences: ends.to_vec(),
            at,
            key: rule.key.clone(),
            by_hand: rule.by_hand,
        };
        self.record_at_ends(broker, topic, &queues, event).map(drop)
    }
}

/// Flips what has settled. Called about twice a second.
pub(crate) fn flip_settled(broker: &Broker) {
    for topic in broker.settling.due(broker) {
        let mut scales = broker.journal.changing();
        let Some(state) = topic.scales.now() else { continue };
        let Some(announced) = &state.announced else { continue };
        let begin = Begin { id: announced.id.clone(), from: announced.from, to: announced.to };
        let name = topic.name();
        match scales.flip(broker, &topic, &begin, Rule::of(&state, &begin)) {
            Ok(()) => {
                tracing::info!(topic = name, id = %announced.id, to = announced.to, "the new queues take messages");
                drop(scales);
                notify_readers(broker, &topic);
            }
            // Still announced: the next look tries again.
            Err(refusal) => tracing::error!(topic = name, id = %announced.id, %refusal, "cannot flip"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_catch_up_with_what_a_crash_kept_from_them() {
        let id = ScaleId::new("s").expect("a good id");
        let flipped = |from: i32, to: i32| Event::Flipped {
            id: id.clone(),
            from,
            to,
            modulus: from.min(to),
            fences: Vec::new(),
            at: 0,
            key: None,
            by_hand: false,
        };
        let after = |events: &[Event], read: i32| {
            let mut state = TopicScaling::default();
            events.iter().for_each(|event| state.apply(event));
            read_queues(&state, read)
        };
        let opened = Event::Opened { id: id.clone() };
        assert_eq!(after(&[flipped(8, 4)], 8), 8, "some group may still have to read them");
        assert_eq!(after(&[flipped(8, 4), opened.clone()], 8), 4);
        assert_eq!(after(&[flipped(4, 8)], 4), 4, "not open to everybody yet");
        assert_eq!(after(&[flipped(4, 8), opened.clone()], 4), 8);
        assert_eq!(after(&[flipped(4, 8), opened], 6), 6, "changed by hand since");
        let announced = Event::Announced { id: id.clone(), from: 4, to: 8, settle: Settle::default(), at: 0 };
        assert_eq!(after(std::slice::from_ref(&announced), 8), 8);
        assert_eq!(after(&[announced, Event::Aborted { id }], 8), 4);
    }
}
