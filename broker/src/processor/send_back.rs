//! CONSUMER_SEND_MSG_BACK: a consumer failed, the message shall come again (Apache: `AbstractSendMessageProcessor`).

use super::send::{any_queue, append, dead_letter_topic, delayed_properties, schedule_queue};
use super::{SEE_ALSO, failed};
use crate::broker::Broker;
use gantry_message::hash::tag_code;
use gantry_message::{Record, id, name, properties};
use gantry_remoting::body::{PERM_WRITE, TopicConfig};
use gantry_remoting::header::{ConsumerSendMsgBack, FromFields as _};
use gantry_remoting::language::V3_4_9;
use gantry_remoting::reply::{Answer, Refusal};
use gantry_remoting::{Command, ResponseCode};
use gantry_store::{NewMessage, PhysicalOffset, Tag};

pub(crate) fn send_back(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = ConsumerSendMsgBack::from_fields(command.ext)?;
    let group = header.group;
    let config = broker.groups.find(group).ok_or_else(|| {
        Refusal::new(
            ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
            format!("subscription group not exist, {group}{SEE_ALSO}"),
        )
    })?;
    if broker.config.broker_permission & PERM_WRITE == 0 {
        return Err(Refusal::new(
            ResponseCode::NO_PERMISSION,
            format!("the broker[{}] sending message is forbidden", broker.config.broker_ip1),
        ));
    }
    if config.retry_queue_nums <= 0 {
        return Ok(Answer::ok());
    }
    let bytes = broker
        .store
        .read_at(PhysicalOffset(header.offset))
        .ok_or_else(|| failed(format!("look message by offset failed, {}", header.offset)))?;
    let (record, _) = Record::read(&bytes).map_err(failed)?;

    let limit = header.max_reconsume_times.filter(|n| *n >= 0 && command.version >= V3_4_9);
    let limit = limit.unwrap_or(config.retry_max_times);
    let dead = record.reconsume_times >= limit || header.delay_level < 0;
    let mut text = record.properties.to_owned();
    if record.property(properties::RETRY_TOPIC).is_none() {
        properties::push(&mut text, properties::RETRY_TOPIC, record.topic);
    }
    if record.property(properties::ORIGIN_MESSAGE_ID).is_none() {
        let origin = id::offset_id(record.store_host, record.physical_offset);
        properties::set(&mut text, properties::ORIGIN_MESSAGE_ID, &origin);
    }
    properties::set(&mut text, properties::WAIT, "false");

    let (to, queue, tag);
    if dead {
        text = properties::without(&text, |name| name == properties::DELAY);
        (to, queue) = (dead_letter_topic(broker, group)?, 0);
        tag = Tag::Code(tag_code(record.property(properties::TAGS)));
    } else {
        let retry = name::retry_topic(group);
        name::check_topic(&retry).map_err(failed)?;
        let (topic, new) =
            broker.topics.get_or_create(&retry, || TopicConfig::new(&retry, config.retry_queue_nums, 6))?;
        if new {
            broker.registration.topics_changed();
        }
        if !topic.config().is_writable() {
            return Err(Refusal::new(
                ResponseCode::NO_PERMISSION,
                format!("the topic[{retry}] sending message is forbidden"),
            ));
        }
        let queue_id = any_queue(config.retry_queue_nums);
        // 10 s after the first failure, then longer each time.
        let level = if header.delay_level == 0 { 3 + record.reconsume_times } else { header.delay_level };
        let level = level.min(broker.delay_levels.highest());
        match broker.delay_levels.delay(level) {
            Some(delay) => {
                text = delayed_properties(&text, &retry, queue_id, level);
                (to, queue) = schedule_queue(broker, level)?;
                tag = Tag::DueAfter(delay);
            }
            None => {
                (to, queue) = (topic, queue_id);
                tag = Tag::Code(tag_code(record.property(properties::TAGS)));
            }
        }
    }
    append(
        broker,
        &to,
        queue,
        &NewMessage {
            flag: record.flag,
            sys_flag: record.sys_flag,
            born_timestamp: record.born_timestamp,
            born_host: record.born_host,
            reconsume_times: record.reconsume_times + 1,
            prepared_transaction_offset: 0,
            body: record.body,
            properties: &text,
            extra_properties: "",
            tag,
        },
    )
    .map(|_| Answer::ok())
}
