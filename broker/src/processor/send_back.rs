//! CONSUMER_SEND_MSG_BACK: a consumer failed, the message shall come again (Apache: `AbstractSendMessageProcessor`).

use super::append::{append, append_when, may_be_delayed, store_one};
use super::flush_wait::{Receipt, answer_when_safe};
use super::send::{any_queue, dead_letter_topic};
use super::{SEE_ALSO, failed};
use crate::broker::Broker;
use crate::damage;
use crate::faults::step;
use crate::session::BrokerSession;
use crate::timers::When;
use gantry_message::{Record, id, name, properties};
use gantry_remoting::body::PERM_WRITE;
use gantry_remoting::header::{ConsumerSendMsgBack, FromFields as _};
use gantry_remoting::language::V3_4_9;
use gantry_remoting::reply::{Answer, Outbound, Refusal};
use gantry_remoting::{Command, ResponseCode};
use gantry_store::{NewMessage, PhysicalOffset};

/// Its answer waits for the disk as that of a send does, which Apache's does not: who gave a message back commits its offset next.
pub(crate) fn send_back(session: &mut BrokerSession, command: &Command<'_>, out: &mut Outbound) {
    let to = command.reply_to();
    match store_again(&session.broker, command) {
        Ok(Some(end)) => answer_when_safe(session, command, out, Receipt { end, stored: None }),
        Ok(None) => out.answer(to, &Answer::ok()),
        Err(refusal) => out.refuse(to, refusal.code, &refusal.remark),
    }
}

/// Gives the end of what was stored, if anything was.
fn store_again(broker: &Broker, command: &Command<'_>) -> Result<Option<PhysicalOffset>, Refusal> {
    let header = ConsumerSendMsgBack::from_fields(command.ext)?;
    let group = header.group;
    let config = broker.groups.find(group).ok_or_else(|| {
        Refusal::new(
            ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
            format!("subscription group not exist, {group}{SEE_ALSO}"),
        )
    })?;
    if broker.config().broker_permission & PERM_WRITE == 0 {
        return Err(Refusal::new(
            ResponseCode::NO_PERMISSION,
            format!("the broker[{}] sending message is forbidden", broker.config().broker_ip1),
        ));
    }
    if config.retry_queue_nums <= 0 {
        return Ok(None);
    }
    let bytes = broker
        .store
        .read_at(PhysicalOffset(header.offset))
        .ok_or_else(|| failed(format!("look message by offset failed, {}", header.offset)))?;
    let (record, _) = Record::read(&bytes).map_err(failed)?;
    // Its consumer sends what it has itself when this is refused.
    let again = damage::again(&record).map_err(|why| {
        broker.damage.found_record(&record, &why, "it is not taken back");
        failed(format!("the message is damaged: {why}"))
    })?;
    step("send back: message read");

    let limit = header.max_reconsume_times.filter(|n| *n >= 0 && command.version >= V3_4_9);
    let limit = limit.unwrap_or(config.retry_max_times);
    let dead = record.reconsume_times >= limit || header.delay_level < 0;
    let mut text = record.properties.to_owned();
    // A message whose properties leave no room for these comes again without them: refused it would never.
    if record.property(properties::RETRY_TOPIC).is_none() {
        properties::set_if_it_fits(&mut text, properties::RETRY_TOPIC, record.topic);
    }
    if record.property(properties::ORIGIN_MESSAGE_ID).is_none() {
        let origin = id::offset_id(record.store_host, record.physical_offset);
        properties::set_if_it_fits(&mut text, properties::ORIGIN_MESSAGE_ID, &origin);
    }
    properties::set_if_it_fits(&mut text, properties::WAIT, "false");
    let failed_again = NewMessage { reconsume_times: record.reconsume_times.saturating_add(1), ..again };

    if dead {
        let text = properties::without(&text, |name| name == properties::DELAY);
        let message = NewMessage { properties: &text, ..failed_again };
        let topic = dead_letter_topic(broker, group)?;
        step("send back: dead, topic made");
        let (_, stored) = append(broker, &topic, 0, &message)?;
        step("send back: dead, stored");
        let origin = record.property(properties::RETRY_TOPIC).unwrap_or(record.topic);
        if let Some(topic) = broker.topics.get(origin) {
            topic.traffic().died(group);
        }
        return Ok(Some(stored.end));
    }
    let retry = name::retry_topic(group);
    name::check_topic(&retry).map_err(failed)?;
    let topic = broker.retry_topic_or_new(&retry, config.retry_queue_nums, header.unit_mode)?;
    if !topic.config().is_writable() {
        return Err(Refusal::new(
            ResponseCode::NO_PERMISSION,
            format!("the topic[{retry}] sending message is forbidden"),
        ));
    }
    // 10 s after the first failure, then longer each time.
    let level =
        if header.delay_level == 0 { record.reconsume_times.saturating_add(3) } else { header.delay_level };
    let message = NewMessage { properties: &text, ..failed_again };
    let queue_id = any_queue(config.retry_queue_nums);
    let when = match When::after_level(broker, level) {
        When::AfterLevel(level) if !may_be_delayed(&text, &retry, queue_id, level) => When::Now,
        when => when,
    };
    let waits = append_when(broker, &topic, queue_id, when, &message, |queue, message, turn, told| {
        store_one(broker, queue, message, turn, told)
    });
    step("send back: stored");
    waits.map(|(_, stored)| Some(stored.end))
}
