//! ACK_MESSAGE, BATCH_ACK_MESSAGE and CHANGE_MESSAGE_INVISIBLETIME (Apache: `AckMessageProcessor`,
//! `ChangeInvisibleTimeProcessor`).

use super::no_topic;
use crate::broker::Broker;
use crate::pop::handle::Handle;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gantry_message::name;
use gantry_remoting::body::{BatchAck, BatchAckRequest};
use gantry_remoting::header::{AckMessage, ChangeInvisibleTime, FromFields as _};
use gantry_remoting::reply::{Answer, Refusal};
use gantry_remoting::{Command, ResponseCode, fastjson};

pub(crate) fn ack(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = AckMessage::from_fields(command.ext)?;
    let (handle, topic) = given(
        broker,
        header.consumer_group,
        header.topic,
        header.queue_id,
        header.extra_info,
        header.offset,
    )?;
    let offsets = std::iter::once(header.offset);
    broker.pops.ack(broker, header.consumer_group, &topic, &handle, offsets)?;
    Ok(Answer::ok())
}

pub(crate) fn batch_ack(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let request: BatchAckRequest = fastjson::from_request(command.body)?;
    if request.acks.is_empty() {
        return Err(Refusal::new(ResponseCode::NO_MESSAGE, "the request acknowledges nothing"));
    }
    for ack in &request.acks {
        let bits = STANDARD.decode(&ack.bit_set).map_err(|error| {
            Refusal::new(ResponseCode::SYSTEM_ERROR, format!("the set of bits is not Base64: {error}"))
        })?;
        let is_retry = ack.retry != "0";
        let handle = Handle {
            start: ack.start_offset,
            pop_time: ack.pop_time,
            invisible: ack.invisible_time,
            revive_queue: ack.revive_queue_id,
            is_retry,
            broker_name: "".into(),
            queue: ack.queue_id,
            offset: -1,
        };
        let topic = read_from(&ack.consumer_group, &ack.topic, is_retry);
        broker.pops.ack(broker, &ack.consumer_group, &topic, &handle, offsets(ack, &bits))?;
    }
    Ok(Answer::ok())
}

/// Bit n of the k-th byte: the message `8 k + n` behind the start.
fn offsets<'a>(ack: &'a BatchAck, bits: &'a [u8]) -> impl Iterator<Item = i64> + 'a {
    let is_set = |n: &usize| bits.get(n / 8).is_some_and(|byte| byte & (1 << (n % 8)) != 0);
    (0..bits.len() * 8).filter(is_set).map(|n| ack.start_offset.saturating_add(n as i64))
}

pub(crate) fn change_invisible_time(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = ChangeInvisibleTime::from_fields(command.ext)?;
    let (handle, topic) = given(
        broker,
        header.consumer_group,
        header.topic,
        header.queue_id,
        header.extra_info,
        header.offset,
    )?;
    let hidden =
        broker.pops.hide(broker, header.consumer_group, &topic, &handle, header.invisible_time.max(0))?;
    let Some((pop_time, invisible)) = hidden else {
        let text = "the message is not on its way any more: it was acknowledged, or its time was over and it is given again";
        return Err(Refusal::new(ResponseCode::NO_MESSAGE, text));
    };
    Ok(Answer::ok()
        .with("popTime", pop_time)
        .with("invisibleTime", invisible)
        .with("reviveQid", handle.revive_queue))
}

/// The handle of a message, and the topic that it was read from.
fn given(
    broker: &Broker,
    group: &str,
    topic: &str,
    queue: i32,
    handle: &str,
    offset: i64,
) -> Result<(Handle, String), Refusal> {
    // Clients send the topic that it was read from, or its original.
    let found = broker.topics.get(topic).ok_or_else(|| no_topic(topic))?;
    let config = found.config();
    if queue < 0 || queue >= config.read_queue_nums {
        let queues = config.read_queue_nums;
        return Err(Refusal::new(
            ResponseCode::MESSAGE_ILLEGAL,
            format!("queueId[{queue}] is illegal, topic:[{topic}] topicConfig.readQueueNums:[{queues}]"),
        ));
    }
    let Some(handle) = Handle::parse(handle) else {
        let text = format!("extraInfo is no handle of a message: {handle:?}");
        return Err(Refusal::new(ResponseCode::SYSTEM_ERROR, text));
    };
    let is_original = !topic.starts_with(name::RETRY_PREFIX);
    let topic = read_from(group, topic, handle.is_retry && is_original);
    let (min, max) = broker
        .store
        .existing_queue(&topic, queue)
        .map_or((0, 0), |queue| (queue.min_offset().0, broker.store.max_offset(&queue).0));
    if offset < min || offset > max {
        return Err(Refusal::new(
            ResponseCode::NO_MESSAGE,
            format!("offset is illegal, key:{topic}@{queue}, commit:{offset}, store:{min}~{max}"),
        ));
    }
    Ok((Handle { queue, offset, ..handle }, topic))
}

fn read_from(group: &str, topic: &str, is_retry: bool) -> String {
    if is_retry { name::pop_retry_topic(group, topic) } else { topic.to_owned() }
}
