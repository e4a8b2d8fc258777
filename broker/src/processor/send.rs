//! Sending: SEND_MESSAGE, SEND_MESSAGE_V2, SEND_BATCH_MESSAGE (Apache: `SendMessageProcessor`).

use super::append::{append_when, illegal, placed, store_one};
use super::flush_wait::{Receipt, answer_when_safe};
use super::recall::{Recall, recall_by_message};
use super::{SEE_ALSO, failed, no_topic};
use crate::broker::Broker;
use crate::session::BrokerSession;
use crate::timers::{When, handle, is_time};
use crate::topics::Topic;
use gantry_message::hash::tag_code;
use gantry_message::id::{self, OffsetId};
use gantry_message::{Host, batch, name, properties, sys_flag};
use gantry_remoting::body::{PERM_WRITE, TopicConfig};
use gantry_remoting::header::{FromFields as _, SendMessage, SendMessageV2};
use gantry_remoting::reply::{Outbound, Refusal, ReplyTo};
use gantry_remoting::{Command, RequestCode, ResponseCode};
use gantry_scaling::TopicScaling;
use gantry_store::{Appended, NewMessage, PhysicalOffset, Tag};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

/// What a send's answer says.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Place of the message, for its id; a batch has its ids in `batch_ids`.
    physical_offset: i64,
    batch_ids: Option<Box<str>>,
    queue_id: i32,
    queue_offset: i64,
    /// A half message's unique key: its producer finds the transaction by it.
    transaction_id: Option<Box<str>>,
    /// By which a message that waits for its time can be taken back.
    recall_handle: Option<Box<str>>,
}

impl Stored {
    pub(super) fn new(queue_id: i32, place: &Appended) -> Self {
        Self {
            physical_offset: place.physical_offset.0,
            batch_ids: None,
            queue_id,
            queue_offset: place.queue_offset.0,
            transaction_id: None,
            recall_handle: None,
        }
    }
}

pub(crate) fn send(session: &mut BrokerSession, command: &Command<'_>, out: &mut Outbound) {
    let to = command.reply_to();
    match store(session, command) {
        Ok(Outcome::Recall(recall)) => recall_by_message(session, to, recall),
        Ok(Outcome::Stored(stored, end, true)) => {
            answer_when_safe(session, command, out, Receipt { end, stored: Some(stored) });
        }
        Ok(Outcome::Stored(stored, _, false)) => {
            session.broker.store.flush_soon_if_sync();
            answer_send(&session.broker, out, to, ResponseCode::SUCCESS, &stored);
        }
        Err(refusal) => {
            tracing::debug!(addr = %session.peer.addr(), %refusal, "send refused");
            out.refuse(to, refusal.code, &refusal.remark);
        }
    }
}

/// Writes the answer of a stored message, straight into the outgoing buffer.
pub(super) fn answer_send(
    broker: &Broker,
    out: &mut Outbound,
    to: ReplyTo,
    code: ResponseCode,
    stored: &Stored,
) {
    let fields = |header: &mut gantry_remoting::codec::HeaderWriter<'_>| {
        if code == ResponseCode::FLUSH_DISK_TIMEOUT {
            header.remark("flush disk timeout");
        }
        match &stored.batch_ids {
            Some(ids) => header.field("msgId", ids),
            None => {
                let id = OffsetId::new(broker.store.config().store_host, stored.physical_offset);
                header.field("msgId", id.as_str());
            }
        }
        header.int_field("queueId", stored.queue_id.into());
        header.int_field("queueOffset", stored.queue_offset);
        if let Some(id) = &stored.transaction_id {
            header.field("transactionId", id);
        }
        if let Some(handle) = &stored.recall_handle {
            header.field("recallHandle", handle);
        }
        let config = broker.config();
        header.field("MSG_REGION", &config.region_id);
        header.field("TRACE_ON", if config.trace_on { "true" } else { "false" });
    };
    out.respond(to, code, fields, &[]);
}

/// What became of a send.
enum Outcome {
    /// The answer's fields, the place up to which the log must be safe, and whether to wait for it.
    Stored(Stored, PhysicalOffset, bool),
    /// It takes back another message.
    Recall(Recall),
}

/// Checks and stores.
fn store(session: &BrokerSession, command: &Command<'_>) -> Result<Outcome, Refusal> {
    let broker = &*session.broker;
    let header = match command.request_code() {
        RequestCode::SEND_MESSAGE => SendMessage::from_fields(command.ext)?.into(),
        _ => SendMessageV2::from_fields(command.ext)?,
    };
    let is_batch = header.batch || command.request_code() == RequestCode::SEND_BATCH_MESSAGE;
    let sent_properties = header.properties.unwrap_or_default();
    let facts = Facts::of(sent_properties);
    let topic = check_topic(broker, session, &header, facts.is_transaction)?;
    let config = topic.config();
    let queue_id = choose_queue(&header, &topic, &config, session)?;
    if command.body.len() > broker.config().max_message_size || !properties::may_be_sent(sent_properties) {
        return Err(illegal(broker, command.body.len()));
    }
    let born_host = Host::new(session.peer.addr());
    if is_batch {
        return store_batch(broker, command.body, &header, &topic, queue_id, born_host, &facts);
    }

    // A retry of a consumer that could not send back: the limit decides whether it is dead.
    let target = match retry_target(broker, &header)? {
        RetryTarget::Same => None,
        RetryTarget::DeadLetters(topic) => Some(topic),
    };
    let dead = target.is_some();
    let topic = target.unwrap_or(topic);
    let queue_id = if dead { 0 } else { queue_id };

    let mut text = cleaned(sent_properties, &facts);
    if !facts.has_unique_key {
        properties::push(text.to_mut(), properties::UNIQ_KEY, &id::unique_key());
    }
    if dead {
        properties::set_if_it_fits(text.to_mut(), properties::DELAY, "-1");
    }
    let message = NewMessage {
        flag: header.flag,
        sys_flag: header.sys_flag & !sys_flag::TRANSACTION_MASK,
        born_timestamp: header.born_timestamp,
        born_host,
        reconsume_times: header.reconsume_times.unwrap_or(0),
        prepared_transaction_offset: 0,
        body: command.body,
        properties: &text,
        extra_properties: &broker.extra_properties,
        tag: Tag::Code(facts.tag_code),
    };
    // A retry that waits is no half any more, whatever the message was once.
    let is_half = facts.is_transaction && !(message.reconsume_times > 0 && facts.delay_level > 0 && !dead);
    if is_half {
        // It is delayed, if it shall be, once it is committed.
        let half = broker.transactions.prepare(broker, &topic, queue_id, &message)?;
        broker.put.add(1);
        let transaction_id = properties::find(&text, properties::UNIQ_KEY).map(Into::into);
        let stored = Stored { transaction_id, ..Stored::new(queue_id, &half) };
        return Ok(Outcome::Stored(stored, half.end, facts.wait));
    }
    let when = if facts.may_wait && !dead { When::of(broker, &text)? } else { When::Now };
    if let When::At(_) = when
        && let Some(recall) = Recall::of(&text, topic.name(), queue_id)
    {
        return Ok(Outcome::Recall(recall));
    }
    let (queue_id, appended) =
        append_when(broker, &topic, queue_id, when, &message, |queue, message, turn, told| {
            store_one(broker, queue, message, turn, told)
        })?;
    let recall_handle = match when {
        When::At(due) if !topic.name().starts_with(name::RETRY_PREFIX) => {
            let key = properties::find(&text, properties::UNIQ_KEY).unwrap_or_default();
            Some(handle::write(topic.name(), &broker.config().broker_name, due.at, key).into())
        }
        _ => None,
    };
    let stored = Stored { recall_handle, ..Stored::new(queue_id, &appended) };
    Ok(Outcome::Stored(stored, appended.end, facts.wait))
}

fn store_batch(
    broker: &Broker,
    body: &[u8],
    header: &SendMessageV2<'_>,
    topic: &Topic,
    queue_id: i32,
    born_host: Host,
    facts: &Facts,
) -> Result<Outcome, Refusal> {
    if header.topic.starts_with(name::RETRY_PREFIX) {
        return Err(Refusal::new(
            ResponseCode::MESSAGE_ILLEGAL,
            format!("batch request does not support retry group {}", header.topic),
        ));
    }
    if facts.delay_level > 0 {
        return Err(Refusal::new(ResponseCode::MESSAGE_ILLEGAL, "a batch cannot wait for its time"));
    }
    let mut texts = Vec::new();
    let mut elements = Vec::new();
    for element in batch::elements(body) {
        let element =
            element.map_err(|error| Refusal::new(ResponseCode::MESSAGE_ILLEGAL, error.to_string()))?;
        let facts = Facts::of(element.properties);
        let text = cleaned(element.properties, &facts);
        if !properties::may_be_sent(&text) {
            return Err(illegal(broker, element.body.len()));
        }
        texts.push((text, facts.tag_code));
        elements.push(element);
    }
    if elements.is_empty() {
        return Err(Refusal::new(ResponseCode::MESSAGE_ILLEGAL, "the batch has no message"));
    }
    let mut messages = Vec::with_capacity(elements.len());
    for (element, (text, tag)) in elements.iter().zip(&texts) {
        messages.push(NewMessage {
            flag: element.flag,
            sys_flag: header.sys_flag & !sys_flag::TRANSACTION_MASK,
            born_timestamp: header.born_timestamp,
            born_host,
            reconsume_times: header.reconsume_times.unwrap_or(0),
            prepared_transaction_offset: 0,
            body: element.body,
            properties: text,
            // As Apache's 5.x: the elements of a batch are stored with what they were sent with.
            extra_properties: "",
            tag: Tag::Code(*tag),
        });
    }
    let mut ids = String::with_capacity(messages.len() * 33);
    let (mut first, mut last) = (None, None);
    let mut appended = |one: Appended| {
        if !ids.is_empty() {
            ids.push(',');
        }
        ids.push_str(OffsetId::new(broker.store.config().store_host, one.physical_offset.0).as_str());
        first.get_or_insert(one);
        last = Some(one);
    };
    let key = |state: &TopicScaling| key_of_batch(topic, state, &messages);
    let (queue, ()) = placed(broker, topic, queue_id, key, |queue, turn| {
        broker.store.append_unflushed(queue, &messages, Some(turn), &mut appended)
    })?;
    let (Some(first), Some(last)) = (first, last) else { return Err(failed("the batch was not stored")) };
    broker.put.add(messages.len() as u64);
    topic.traffic().put(messages.len(), (last.end - first.physical_offset) as usize);
    for message in &messages {
        if let Tag::Code(code) = message.tag {
            broker.arrived(&queue, code, last.end);
        }
    }
    let stored = Stored { batch_ids: Some(ids.into()), ..Stored::new(queue.log.id(), &first) };
    Ok(Outcome::Stored(stored, last.end, facts.wait))
}

/// The key of a batch's messages. It goes to one queue, so it may have one key.
fn key_of_batch<'a>(
    topic: &Topic,
    state: &TopicScaling,
    messages: &[NewMessage<'a>],
) -> Result<Option<&'a str>, Refusal> {
    let mut keys = messages.iter().filter_map(|message| state.key_of(message.properties));
    let Some(key) = keys.next() else { return Ok(None) };
    match keys.find(|other| *other != key) {
        None => Ok(Some(key)),
        Some(other) => Err(Refusal::new(
            ResponseCode::MESSAGE_ILLEGAL,
            format!(
                "topic {} is ordered by a key, and the batch has messages of {key:?} and of {other:?}: send a batch for each",
                topic.name()
            ),
        )),
    }
}

/// What the properties of a message say to the broker, found in one pass.
struct Facts {
    has_unique_key: bool,
    /// Pairs that the broker writes itself, or never stores.
    has_own: bool,
    tag_code: i64,
    delay_level: i32,
    /// It asks for a time of delivery, or a level.
    may_wait: bool,
    wait: bool,
    is_transaction: bool,
}

impl Facts {
    fn of(text: &str) -> Self {
        let mut facts = Self {
            has_unique_key: false,
            has_own: false,
            tag_code: 0,
            delay_level: 0,
            may_wait: false,
            wait: true,
            is_transaction: false,
        };
        for (name, value) in properties::pairs(text) {
            match name {
                properties::UNIQ_KEY => facts.has_unique_key = true,
                properties::TAGS => facts.tag_code = tag_code(Some(value)),
                properties::DELAY => {
                    facts.delay_level = value.parse().unwrap_or(0);
                    facts.may_wait = true;
                }
                properties::WAIT => facts.wait = !value.eq_ignore_ascii_case("false"),
                properties::TRANSACTION_PREPARED => {
                    facts.is_transaction = value.eq_ignore_ascii_case("true");
                }
                name if is_time(name) => facts.may_wait = true,
                name => facts.has_own |= is_own(name),
            }
        }
        facts
    }
}

fn is_own(name: &str) -> bool {
    matches!(name, properties::POP_CK | properties::MSG_REGION | properties::TRACE_ON | properties::CLUSTER)
}

/// The property string without what only the broker may set. As sent, untouched, in the usual case.
fn cleaned<'a>(text: &'a str, facts: &Facts) -> Cow<'a, str> {
    if facts.has_own {
        return properties::without(text, is_own).into();
    }
    if text.is_empty() || text.ends_with(properties::PAIR_SEPARATOR) {
        return text.into();
    }
    // More pairs follow, so the last one must be closed.
    let mut closed = String::with_capacity(text.len() + 1);
    closed.push_str(text);
    closed.push(properties::PAIR_SEPARATOR);
    closed.into()
}

pub(super) fn check_topic(
    broker: &Broker,
    session: &BrokerSession,
    header: &SendMessageV2<'_>,
    is_transaction: bool,
) -> Result<Arc<Topic>, Refusal> {
    let (topic, config) = (header.topic, broker.config());
    let found = broker.topics.get(topic);
    // One that is there has a name that may be.
    if found.is_none() {
        name::check_topic(topic)
            .map_err(|error| Refusal::new(ResponseCode::INVALID_PARAMETER, error.to_string()))?;
    }
    if name::is_send_forbidden(topic) {
        return Err(Refusal::new(
            ResponseCode::NO_PERMISSION,
            format!("Sending message to topic[{topic}] is forbidden."),
        ));
    }
    if config.broker_permission & PERM_WRITE == 0 {
        return Err(Refusal::new(
            ResponseCode::NO_PERMISSION,
            format!("the broker[{}] sending message is forbidden", config.broker_ip1),
        ));
    }
    if is_transaction && config.reject_transaction_message {
        return Err(Refusal::new(
            ResponseCode::NO_PERMISSION,
            format!("the broker[{}] sending transaction message is forbidden", config.broker_ip1),
        ));
    }
    if let Some(found) = found {
        return Ok(found);
    }
    let created = if let Some(group) = topic.strip_prefix(name::RETRY_PREFIX) {
        if broker.groups.find(group).is_none() {
            return Err(no_group(group));
        }
        Some(broker.topics.get_or_create(topic, || TopicConfig::of_retries(topic, 1, header.unit_mode))?.0)
    } else if config.auto_create_topic_enable {
        broker.topics.inherit(
            topic,
            header.default_topic.unwrap_or_default(),
            header.default_topic_queue_nums,
            config.auto_create_topic_max,
            header.unit_mode,
        )?
    } else {
        None
    };
    let created = created.ok_or_else(|| no_topic(topic))?;
    tracing::info!(topic, queues = created.config().write_queue_nums, addr = %session.peer.addr(), "topic created by a send");
    broker.registration.topics_changed();
    Ok(created)
}

/// The queue that was asked for: the topic's scales may have another take the message.
fn choose_queue(
    header: &SendMessageV2<'_>,
    topic: &Topic,
    config: &TopicConfig,
    session: &BrokerSession,
) -> Result<i32, Refusal> {
    let queues = config.write_queue_nums.max(config.read_queue_nums);
    // Producers that still know of more queues are served on.
    let is_served = || topic.scales.now().is_some_and(|state| state.queues.is_some());
    if header.queue_id >= queues && !is_served() {
        return Err(Refusal::new(
            ResponseCode::INVALID_PARAMETER,
            format!(
                "request queueId[{}] is illegal, topic[{}] has {queues} queues, producer: {}",
                header.queue_id,
                topic.name(),
                session.peer.addr()
            ),
        ));
    }
    if header.queue_id >= 0 {
        if let Some(scales) = topic.scales.known() {
            let to_new = || topic.scales.now().is_some_and(|state| state.is_to_new(header.queue_id));
            scales.producers.sent(&session.peer, to_new);
        }
        return Ok(header.queue_id);
    }
    if config.write_queue_nums <= 0 {
        return Err(failed(format!("topic[{}] has no queue that takes messages", topic.name())));
    }
    Ok(any_queue(config.write_queue_nums))
}

/// One of `queues` queues, each about as often.
pub(super) fn any_queue(queues: i32) -> i32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    (NEXT.fetch_add(1, Ordering::Relaxed) % queues.max(1) as u32) as i32
}

enum RetryTarget {
    Same,
    DeadLetters(Arc<Topic>),
}

/// Apache: `SendMessageProcessor.handleRetryAndDLQ`. On this path a message is dead *beyond* its limit, on the send-back
/// path already *at* it.
fn retry_target(broker: &Broker, header: &SendMessageV2<'_>) -> Result<RetryTarget, Refusal> {
    let Some(group) = header.topic.strip_prefix(name::RETRY_PREFIX) else { return Ok(RetryTarget::Same) };
    let Some(config) = broker.groups.find(group) else {
        return Err(no_group(group));
    };
    let limit = header.max_reconsume_times.unwrap_or(config.retry_max_times);
    let orderly = broker.locks.is_orderly(group, Instant::now());
    let times = header.reconsume_times.unwrap_or(0);
    if times > limit || (orderly && times > 0) {
        if let Some(topic) = broker.topics.get(header.topic) {
            topic.traffic().died(group);
        }
        return Ok(RetryTarget::DeadLetters(dead_letter_topic(broker, group)?));
    }
    Ok(RetryTarget::Same)
}

fn no_group(group: &str) -> Refusal {
    Refusal::new(
        ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
        format!("subscription group not exist, {group}{SEE_ALSO}"),
    )
}

/// The group's dead letter topic, made when it is new.
pub(super) fn dead_letter_topic(broker: &Broker, group: &str) -> Result<Arc<Topic>, Refusal> {
    broker.topic_or_new(&name::dlq_topic(group), 1)
}
