//! Storing a message in the queue that takes it, now or when its time has come.

use super::{failed, no_topic};
use crate::broker::Broker;
use crate::faults::step;
use crate::timers::{self, Waiting, When, is_time};
use crate::topics::{Queue, Topic};
use gantry_message::{name, properties};
use gantry_remoting::ResponseCode;
use gantry_remoting::reply::Refusal;
use gantry_scaling::TopicScaling;
use gantry_store::{AppendError, Appended, ConsumeQueue, NewMessage, Tag, Turn};
use std::sync::Arc;

/// Appends one message to the queue that takes what was sent to `asked`, and tells those who wait for it. Gives the queue.
pub(crate) fn append(
    broker: &Broker,
    topic: &Topic,
    asked: i32,
    message: &NewMessage<'_>,
) -> Result<(i32, Appended), Refusal> {
    append_with(broker, topic, asked, message, |queue, turn| broker.store.append(queue, message, Some(turn)))
}

/// The same, with something else appended too.
pub(crate) fn append_with(
    broker: &Broker,
    topic: &Topic,
    asked: i32,
    message: &NewMessage<'_>,
    mut append: impl FnMut(&Arc<ConsumeQueue>, Turn<'_>) -> Result<Appended, AppendError>,
) -> Result<(i32, Appended), Refusal> {
    check_properties(broker, message, 0)?;
    let key = |state: &TopicScaling| Ok(state.key_of(message.properties));
    let (queue, appended) =
        placed(broker, topic, asked, key, |queue, turn| broker.slowest_put.time(|| append(queue, turn)))?;
    broker.put.add(1);
    topic.traffic().put(1, (appended.end - appended.physical_offset) as usize);
    let tag_code = match message.tag {
        Tag::Code(code) => code,
        Tag::DueAfter(_) | Tag::DueAt(_) => 0,
    };
    broker.arrived(&queue, tag_code, appended.end);
    Ok((queue.log.id(), appended))
}

/// Refuses more properties than a record can have, when `more` bytes of them may still come.
pub(crate) fn check_properties(
    broker: &Broker,
    message: &NewMessage<'_>,
    more: usize,
) -> Result<(), Refusal> {
    if message.properties.len() + message.extra_properties.len() + more > properties::MAX_LEN {
        return Err(illegal(broker, message.body.len()));
    }
    Ok(())
}

/// Has `append` put a message into its queue, or into where it waits for its time. Gives the queue that takes it in the end.
///
/// `append` tells the place of the message to its last argument before anything else gets into the log.
pub(crate) fn append_when(
    broker: &Broker,
    topic: &Topic,
    asked: i32,
    when: When,
    message: &NewMessage<'_>,
    append: impl Fn(
        &Arc<ConsumeQueue>,
        &NewMessage<'_>,
        Option<Turn<'_>>,
        &dyn Fn(&Appended),
    ) -> Result<Appended, AppendError>,
) -> Result<(i32, Appended), Refusal> {
    match when {
        When::Now => append_with(broker, topic, asked, message, |queue, turn| {
            append(queue, message, Some(turn), &|_| {})
        }),
        When::AfterLevel(level) => {
            let text = delayed_properties(message.properties, topic.name(), asked, level);
            let tag = Tag::DueAfter(broker.delay_levels.delay(level).unwrap_or_default());
            let message = NewMessage { properties: &text, tag, ..*message };
            let schedule =
                broker.topics.get(name::SCHEDULE_TOPIC).ok_or_else(|| no_topic(name::SCHEDULE_TOPIC))?;
            // The place is that of the stored record.
            let waits = append_with(broker, &schedule, level - 1, &message, |queue, turn| {
                append(queue, &message, Some(turn), &|_| {})
            });
            step("delay: waits");
            waits.map(|(_, appended)| (asked, appended))
        }
        When::At(due) => {
            let waiting = Waiting::new(message.properties, topic.name(), asked, due.at);
            let message = waiting.message(message);
            check_properties(broker, &message, timers::STAMPS)?;
            let waits = broker.slowest_put.time(|| {
                append(timers::queue(broker), &message, None, &|entry| {
                    broker.timers.ledger().opened(entry, due);
                })
            });
            step("timer: waits");
            broker.put.add(1);
            Ok((asked, waits.map_err(|error| append_failed(broker, error))?))
        }
    }
}

/// Appends a message alone, for [`append_when`]; the caller sees to its flush.
pub(super) fn store_one(
    broker: &Broker,
    queue: &Arc<ConsumeQueue>,
    message: &NewMessage<'_>,
    turn: Option<Turn<'_>>,
    told: &dyn Fn(&Appended),
) -> Result<Appended, AppendError> {
    let mut stored = None;
    broker.store.append_unflushed(queue, std::slice::from_ref(message), turn, &mut |one| {
        told(&one);
        stored = Some(one);
    })?;
    stored.ok_or(AppendError::Stopped)
}

/// Has `append` put something into the queue that takes what was sent to `asked`, or that of its key; again, when that changed
/// meanwhile.
pub(super) fn placed<'a, T>(
    broker: &Broker,
    topic: &Topic,
    asked: i32,
    key: impl Fn(&TopicScaling) -> Result<Option<&'a str>, Refusal>,
    mut append: impl FnMut(&Arc<ConsumeQueue>, Turn<'_>) -> Result<T, AppendError>,
) -> Result<(Arc<Queue>, T), Refusal> {
    loop {
        let place = topic.scales.place(asked, &key, || topic.config().write_queue_nums)?;
        let queue = topic.queue(&broker.store, place.queue);
        match append(&queue.log, topic.scales.turn(place)) {
            Err(AppendError::NotItsTurn) => {}
            result => return Ok((queue, result.map_err(|error| append_failed(broker, error))?)),
        }
    }
}

/// Properties of a message that waits in the schedule topic for its real one.
fn delayed_properties(text: &str, topic: &str, queue_id: i32, level: i32) -> String {
    let mut out = properties::without(text, |name| {
        is_time(name)
            || matches!(name, properties::REAL_TOPIC | properties::REAL_QUEUE_ID | properties::DELAY)
    });
    properties::push(&mut out, properties::DELAY, &level.to_string());
    properties::push(&mut out, properties::REAL_TOPIC, topic);
    properties::push(&mut out, properties::REAL_QUEUE_ID, &queue_id.to_string());
    out
}

/// True when there is room for what a message has to say while it waits.
pub(super) fn may_be_delayed(text: &str, topic: &str, queue_id: i32, level: i32) -> bool {
    delayed_properties(text, topic, queue_id, level).len() <= properties::MAX_LEN
}

pub(super) fn illegal(broker: &Broker, body: usize) -> Refusal {
    Refusal::new(
        ResponseCode::MESSAGE_ILLEGAL,
        format!(
            "the message is illegal, maybe msg body or properties length not matched. msg body length {body} B, limit {} B, msg properties length limit 32 KiB, and no zero byte in them",
            broker.config().max_message_size
        ),
    )
}

pub(crate) fn append_failed(broker: &Broker, error: AppendError) -> Refusal {
    match error {
        AppendError::TooLarge { .. } | AppendError::PropertiesTooLong { .. } => illegal(broker, 0),
        AppendError::QueueDeleted => Refusal::new(ResponseCode::TOPIC_NOT_EXIST, error.to_string()),
        AppendError::DiskFull { .. } | AppendError::Stopped | AppendError::Roll(_) => {
            Refusal::new(ResponseCode::SERVICE_NOT_AVAILABLE, format!("service not available now. {error}"))
        }
        AppendError::Busy => Refusal::new(ResponseCode::SYSTEM_BUSY, error.to_string()),
        other => failed(other),
    }
}
