//! Pulling, and holding pulls until there is something (Apache: `PullMessageProcessor`).

use super::{SEE_ALSO, no_topic};
use crate::broker::Broker;
use crate::filter::{self, Filter};
use crate::holds::{HeldPull, Hold};
use crate::scaling::{self, Passage};
use crate::session::BrokerSession;
use crate::topics::{Queue, Topic};
use gantry_remoting::body::{MessageModel, PERM_READ, SubscriptionGroupConfig};
use gantry_remoting::codec::HeaderWriter;
use gantry_remoting::header::{self, FromFields as _, PullMessage};
use gantry_remoting::reply::{Outbound, Refusal, ReplyTo};
use gantry_remoting::{Command, ResponseCode};
use gantry_store::{ConsumeQueue, PullLimits, PullStatus, Pulled, QueueOffset};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes behind the log's end that are surely in memory: pulls of live consumers, which are most, skip the question.
const SURELY_HOT: i64 = 64 * 1024 * 1024;

pub(crate) fn pull(session: &mut BrokerSession, command: &Command<'_>, out: &mut Outbound) {
    let to = command.reply_to();
    let result = PullMessage::from_fields(command.ext).map_err(Refusal::from).and_then(|header| {
        check(&session.broker, session, &header).map(|(topic, filter)| (header, topic, filter))
    });
    let (header, topic, filter) = match result {
        Ok(checked) => checked,
        Err(refusal) => {
            tracing::debug!(addr = %session.peer.addr(), %refusal, "pull refused");
            return out.refuse(to, refusal.code, &refusal.remark);
        }
    };
    let broker = &session.broker;
    if moved_by_reset(session, out, to, &topic, header.consumer_group, header.queue_id) {
        return;
    }
    if header.sys_flag & header::PULL_COMMIT_OFFSET != 0 && header.commit_offset >= 0 {
        let (group, queue) = (header.consumer_group, header.queue_id);
        if let Err(refusal) = scaling::commit(broker, &topic, group, queue, header.commit_offset) {
            tracing::warn!(group, topic = header.topic, queue, %refusal, "an offset is not committed");
        }
    }
    let offset = QueueOffset(header.queue_offset);
    let queue = topic.queue(&broker.store, header.queue_id);
    queue.readers.ask(header.consumer_group, offset);
    let read = Read { topic: &topic, queue: &queue, group: header.consumer_group, offset, filter: &filter };
    let max_messages = header.max_msg_nums.max(0) as usize;
    if is_cold_look(broker, &queue, offset, &filter) {
        return look_elsewhere(session, to, topic, queue, header.consumer_group.into(), offset, filter);
    }
    let pulled = match broker.slowest_get.time(|| read.pull(broker, max_messages)) {
        Ok(pulled) => pulled,
        Err(error) => return out.refuse(to, ResponseCode::SYSTEM_ERROR, &error.to_string()),
    };
    let nothing_yet =
        pulled.as_ref().is_none_or(|pulled| code_of(pulled, offset) == ResponseCode::PULL_NOT_FOUND);
    if !nothing_yet || header.sys_flag & header::PULL_SUSPEND == 0 {
        return match pulled {
            Some(pulled) => answer(session, out, to, &read, pulled),
            None => answer_gated(broker, out, to, &queue, offset),
        };
    }
    let wait = if broker.config().long_polling_enable {
        Duration::from_millis(header.suspend_timeout_millis.clamp(0, 600_000) as u64)
    } else {
        broker.config().short_polling_time
    };
    let now = Instant::now();
    let held = HeldPull {
        to,
        group: header.consumer_group.into(),
        topic: header.topic.into(),
        queue_id: header.queue_id,
        max_messages: header.max_msg_nums,
        has_subscription: header.sys_flag & header::PULL_SUBSCRIPTION != 0,
    };
    let hold = Hold::new(held, offset, filter, now + wait, Arc::clone(&session.inbox));
    if pulled.is_none() {
        return hold_gated(session, &topic, &queue, hold);
    }
    let hold = Arc::new(hold);
    broker.timeline.add(&hold, broker.started, now);
    queue.readers.add(hold);
    // A message that came between the read and the hold woke nobody.
    queue.readers.wake_behind(broker.store.max_offset(&queue.log));
}

/// Has a pull wait in front of a gate.
fn hold_gated(session: &BrokerSession, topic: &Arc<Topic>, queue: &Queue, hold: Hold) {
    let broker = &session.broker;
    let hold = Arc::new(hold.gated());
    broker.timeline.add(&hold, broker.started, Instant::now());
    queue.readers.add(Arc::clone(&hold));
    // A gate that opened between the read and the hold woke nobody.
    let pull = &hold.pull;
    if scaling::passage(broker, topic, &pull.group, pull.queue_id, hold.offset) != Passage::Closed {
        queue.readers.wake_gated(&pull.group);
    }
}

/// A read of a queue for a group.
struct Read<'a> {
    topic: &'a Arc<Topic>,
    queue: &'a Queue,
    group: &'a str,
    offset: QueueOffset,
    filter: &'a Filter,
}

impl Read<'_> {
    fn count(&self, broker: &Broker, pulled: &Pulled) {
        if pulled.count > 0 {
            broker.got.add(pulled.count as u64);
            self.topic.traffic().got(self.group, pulled.count, pulled.len);
        }
    }

    /// Reads as far as the group may; `None` when a gate is closed.
    fn pull(&self, broker: &Broker, max_messages: usize) -> io::Result<Option<Pulled>> {
        loop {
            let before = self.topic.scales.changes();
            let mut limits = PullLimits::new(max_messages);
            match scaling::passage(broker, self.topic, self.group, self.queue.log.id(), self.offset) {
                Passage::Open => {}
                Passage::Messages(count) => limits.scan = limits.scan.min(count),
                Passage::Closed => return Ok(None),
            }
            let pulled = broker.store.pull(&self.queue.log, self.offset, limits, self.filter)?;
            // A flip in between may have put messages there that nobody asked the gate about.
            if self.topic.scales.changes() == before {
                return Ok(Some(pulled));
            }
        }
    }
}

/// True when the filter has to look at messages that come from the disk.
fn is_cold_look(broker: &Broker, queue: &Queue, offset: QueueOffset, filter: &Filter) -> bool {
    let is_hot = |offset| broker.store.is_in_memory(&queue.log, offset).unwrap_or(true);
    filter.reads_messages() && offset < broker.store.max_offset(&queue.log) && !is_hot(offset)
}

/// Reads on a thread that may wait for the disk, and answers from there.
fn look_elsewhere(
    session: &BrokerSession,
    to: ReplyTo,
    topic: Arc<Topic>,
    queue: Arc<Queue>,
    group: Box<str>,
    offset: QueueOffset,
    filter: Filter,
) {
    let (broker, peer) = (Arc::clone(&session.broker), Arc::clone(&session.peer));
    let under_way = peer.in_background();
    tokio::task::spawn_blocking(move || {
        let read = Read { topic: &topic, queue: &queue, group: &group, offset, filter: &filter };
        let mut out = Outbound::default();
        match read.pull(&broker, MOST_FROM_DISK) {
            Ok(Some(pulled)) => write_checked(&broker, &queue.log, &mut out, to, pulled, offset),
            Ok(None) => answer_gated(&broker, &mut out, to, &queue, offset),
            Err(error) => out.refuse(to, ResponseCode::SYSTEM_ERROR, &error.to_string()),
        }
        // A client that is gone needs no answer.
        let _ = peer.send(&mut out);
        drop(under_way);
    });
}

/// In front of a closed gate a client sees a queue that has nothing new.
fn answer_gated(broker: &Broker, out: &mut Outbound, to: ReplyTo, queue: &Queue, asked: QueueOffset) {
    let (min, max) = (queue.log.min_offset(), broker.store.max_offset(&queue.log));
    let fields = fields(PullStatus::OffsetOverflowOne.name(), asked, min, max);
    out.respond(to, ResponseCode::PULL_NOT_FOUND, fields, &[]);
}

/// A held pull whose time has come: runs once more, without being held again.
pub(crate) fn pull_again(session: &mut BrokerSession, hold: &Hold, out: &mut Outbound) {
    let (broker, pull) = (&session.broker, &hold.pull);
    let Some(topic) = broker.topics.get(&pull.topic) else {
        let refusal = no_topic(&pull.topic);
        return out.refuse(pull.to, refusal.code, &refusal.remark);
    };
    if let Err(refusal) = check_again(broker, &topic, pull) {
        return out.refuse(pull.to, refusal.code, &refusal.remark);
    }
    if moved_by_reset(session, out, pull.to, &topic, &pull.group, pull.queue_id) {
        return;
    }
    let queue = topic.queue(&broker.store, pull.queue_id);
    if is_cold_look(broker, &queue, hold.offset, &hold.filter) {
        let filter = hold.filter.clone();
        return look_elsewhere(session, pull.to, topic, queue, pull.group.clone(), hold.offset, filter);
    }
    let read =
        Read { topic: &topic, queue: &queue, group: &pull.group, offset: hold.offset, filter: &hold.filter };
    match read.pull(broker, pull.max_messages.max(0) as usize) {
        Ok(Some(pulled)) => answer(session, out, pull.to, &read, pulled),
        // What was let through goes on waiting when its passage has to get to the disk first.
        Ok(None) if !hold.is_due(Instant::now()) => hold_gated(session, &topic, &queue, hold.again()),
        Ok(None) => answer_gated(broker, out, pull.to, &queue, hold.offset),
        Err(error) => out.refuse(pull.to, ResponseCode::SYSTEM_ERROR, &error.to_string()),
    }
}

/// Tells a group that was reset where to go on; true when it was.
fn moved_by_reset(
    session: &BrokerSession,
    out: &mut Outbound,
    to: ReplyTo,
    topic: &Topic,
    group: &str,
    queue_id: i32,
) -> bool {
    let broker = &session.broker;
    let Some(offset) = broker.offsets.take_reset(group, topic.name(), queue_id) else {
        return false;
    };
    let queue = topic.queue(&broker.store, queue_id);
    let (min, max) = (queue.log.min_offset(), broker.store.max_offset(&queue.log));
    let fields = fields("OFFSET_RESET", QueueOffset(offset), min, max);
    out.respond(to, ResponseCode::PULL_OFFSET_MOVED, fields, &[]);
    true
}

/// Every rule that refuses a pull, in Apache's order. Gives the topic and what the consumer wants of it.
fn check(
    broker: &Broker,
    session: &BrokerSession,
    header: &PullMessage<'_>,
) -> Result<(Arc<Topic>, Filter), Refusal> {
    if broker.config().broker_permission & PERM_READ == 0 {
        return Err(Refusal::new(
            ResponseCode::NO_PERMISSION,
            format!("the broker[{}] pulling message is forbidden", broker.config().broker_ip1),
        ));
    }
    let group = check_group(broker, header.consumer_group)?;
    let topic = broker.topics.get(header.topic).ok_or_else(|| no_topic(header.topic))?;
    check_readable(broker, &topic, header.consumer_group, header.queue_id)?;
    if header.sys_flag & header::PULL_SUBSCRIPTION != 0 {
        let kind = header.expression_type.unwrap_or_default();
        check_kind(broker, kind)?;
        let filter = Filter::parse(kind, header.subscription.unwrap_or_default()).map_err(|error| {
            let text = format!("parse the consumer's subscription failed: {error}");
            Refusal::new(ResponseCode::SUBSCRIPTION_PARSE_FAILED, text)
        })?;
        return Ok((topic, filter));
    }
    let member = broker.consumers.member(header.consumer_group, header.topic).ok_or_else(|| {
        Refusal::new(
            ResponseCode::SUBSCRIPTION_NOT_EXIST,
            format!("the consumer's group info not exist{SEE_ALSO}"),
        )
    })?;
    check_model(&group, member.model)?;
    let Some(subscribed) = member.subscription else {
        return Err(Refusal::new(
            ResponseCode::SUBSCRIPTION_NOT_EXIST,
            format!("the consumer's subscription not exist{SEE_ALSO}"),
        ));
    };
    if subscribed.version < header.sub_version {
        return Err(Refusal::new(
            ResponseCode::SUBSCRIPTION_NOT_LATEST,
            "the consumer's subscription not latest",
        ));
    }
    if subscribed.filter.as_ref().is_none_or(|filter| filter.reads_messages()) {
        check_kind(broker, "SQL92")?;
    }
    if header.sys_flag & header::PULL_CLASS_FILTER != 0 {
        tracing::trace!(addr = %session.peer.addr(), "class filters run on the client");
        return Ok((topic, Filter::All));
    }
    let filter = subscribed.filter.ok_or_else(|| {
        Refusal::new(
            ResponseCode::FILTER_DATA_NOT_EXIST,
            "The broker's consumer filter data is not exist!Your expression may be wrong!",
        )
    })?;
    Ok((topic, filter))
}

/// The group's settings, when it may consume.
fn check_group(broker: &Broker, name: &str) -> Result<Arc<SubscriptionGroupConfig>, Refusal> {
    let group = broker.groups.find(name).ok_or_else(|| {
        Refusal::new(
            ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
            format!("subscription group [{name}] does not exist,{SEE_ALSO}"),
        )
    })?;
    if !group.consume_enable {
        return Err(Refusal::new(
            ResponseCode::NO_PERMISSION,
            format!("subscription group no permission, {name}"),
        ));
    }
    Ok(group)
}

fn check_model(group: &SubscriptionGroupConfig, model: MessageModel) -> Result<(), Refusal> {
    if !group.consume_broadcast_enable && model == MessageModel::Broadcasting {
        return Err(Refusal::new(
            ResponseCode::NO_PERMISSION,
            format!("the consumer group[{}] can not consume by broadcast way", group.group_name),
        ));
    }
    Ok(())
}

/// What may have been taken from a group or its topic while a pull was held.
fn check_again(broker: &Broker, topic: &Topic, pull: &HeldPull) -> Result<(), Refusal> {
    let group = check_group(broker, &pull.group)?;
    check_readable(broker, topic, &pull.group, pull.queue_id)?;
    match broker.consumers.model(&pull.group).filter(|_| !pull.has_subscription) {
        Some(model) => check_model(&group, model),
        None => Ok(()),
    }
}

fn check_readable(broker: &Broker, topic: &Topic, group: &str, queue_id: i32) -> Result<(), Refusal> {
    let config = topic.config();
    if !config.is_readable() {
        return Err(Refusal::new(
            ResponseCode::NO_PERMISSION,
            format!("the topic[{}] pulling message is forbidden", topic.name()),
        ));
    }
    // A consumer that has not heard yet that a scale took a queue back, or closed it, finds nothing there.
    let was_scaled = || topic.scales.now().is_some_and(|state| queue_id < state.widest);
    if queue_id < 0 || (queue_id >= config.read_queue_nums && !was_scaled()) {
        return Err(Refusal::new(
            ResponseCode::INVALID_PARAMETER,
            format!(
                "queueId[{queue_id}] is illegal, topic:[{}] topicConfig.readQueueNums:[{}] consumer:[{group}]",
                topic.name(),
                config.read_queue_nums
            ),
        ));
    }
    debug_assert!(broker.config().broker_permission & PERM_READ != 0);
    Ok(())
}

/// Refuses types of subscriptions that are not switched on.
pub(super) fn check_kind(broker: &Broker, kind: &str) -> Result<(), Refusal> {
    if filter::is_tags(kind) || broker.config().enable_property_filter {
        return Ok(());
    }
    Err(Refusal::new(
        ResponseCode::SYSTEM_ERROR,
        format!("The broker does not support consumer to filter message by {kind}"),
    ))
}

fn code_of(pulled: &Pulled, asked: QueueOffset) -> ResponseCode {
    match pulled.status {
        PullStatus::Found => ResponseCode::SUCCESS,
        PullStatus::NoMatchedMessage | PullStatus::MessageWasRemoving | PullStatus::OffsetFoundNull => {
            ResponseCode::PULL_RETRY_IMMEDIATELY
        }
        PullStatus::NoMessageInQueue if asked != QueueOffset(0) => ResponseCode::PULL_OFFSET_MOVED,
        PullStatus::NoMessageInQueue | PullStatus::OffsetOverflowOne => ResponseCode::PULL_NOT_FOUND,
        PullStatus::OffsetOverflowBadly | PullStatus::OffsetTooSmall => ResponseCode::PULL_OFFSET_MOVED,
    }
}

fn answer(session: &BrokerSession, out: &mut Outbound, to: ReplyTo, read: &Read<'_>, mut pulled: Pulled) {
    let (broker, asked) = (&session.broker, read.offset);
    read.count(broker, &pulled);
    let is_right = !pulled.is_doubtful()
        || (pulled.is_resident() && broker.store.is_as_stored(&read.queue.log, &mut pulled));
    if !is_right || (pulled.count > 0 && is_cold(broker, &pulled)) {
        // The disk answers on a thread that may wait for it.
        let (broker, peer, queue) = (Arc::clone(broker), Arc::clone(&session.peer), read.queue.log.clone());
        let under_way = peer.in_background();
        tokio::task::spawn_blocking(move || {
            let mut out = Outbound::default();
            match pulled.warm() {
                Ok(()) => write_checked(&broker, &queue, &mut out, to, pulled, asked),
                Err(error) => out.refuse(to, ResponseCode::SYSTEM_ERROR, &error.to_string()),
            }
            // A client that is gone needs no answer.
            let _ = peer.send(&mut out);
            drop(under_way);
        });
        return;
    }
    write(out, to, &pulled, asked);
}

/// Answers with what was read once it is known to be as it was stored.
fn write_checked(
    broker: &Broker,
    queue: &ConsumeQueue,
    out: &mut Outbound,
    to: ReplyTo,
    pulled: Pulled,
    asked: QueueOffset,
) {
    match broker.store.check(queue, pulled) {
        Ok(pulled) => write(out, to, &pulled, asked),
        Err(error) => out.refuse(to, ResponseCode::SYSTEM_ERROR, &error.to_string()),
    }
}

/// True when messages from `offset` on may have to come from the disk.
pub(super) fn may_be_cold(broker: &Broker, queue: &ConsumeQueue, offset: QueueOffset) -> bool {
    let entry = broker.store.entry(queue, offset).ok().flatten();
    entry.is_some_and(|entry| broker.store.readable_end() - entry.physical_offset > SURELY_HOT)
        && !broker.store.is_in_memory(queue, offset).unwrap_or(true)
}

fn is_cold(broker: &Broker, pulled: &Pulled) -> bool {
    pulled.first_offset().is_some_and(|first| broker.store.readable_end() - first > SURELY_HOT)
        && !pulled.is_resident()
}

/// The header of every answer that is no refusal.
fn fields(
    remark: &str,
    next: QueueOffset,
    min: QueueOffset,
    max: QueueOffset,
) -> impl FnOnce(&mut HeaderWriter<'_>) {
    move |header| {
        header.remark(remark);
        header.int_field("suggestWhichBrokerId", 0);
        header.int_field("nextBeginOffset", next.0);
        header.int_field("minOffset", min.0);
        header.int_field("maxOffset", max.0);
    }
}

fn write(out: &mut Outbound, to: ReplyTo, pulled: &Pulled, asked: QueueOffset) {
    let fields = fields(pulled.status.name(), pulled.next_offset, pulled.min_offset, pulled.max_offset);
    let code = code_of(pulled, asked);
    if pulled.len <= COPY_BELOW {
        // For a small answer a copy costs less than a slice of its own.
        let mut body = [0; COPY_BELOW];
        let mut len = 0;
        for slice in pulled.slices() {
            if let Some(to) = body.get_mut(len..len + slice.len()) {
                to.copy_from_slice(&slice);
                len += slice.len();
            }
        }
        return out.respond(to, code, fields, body.get(..len).unwrap_or_default());
    }
    out.respond_shared(to, code, fields, pulled.slices(), pulled.len);
}

const COPY_BELOW: usize = 1024;
/// Messages of an answer that waited for the disk: Apache's `maxTransferCountOnMessageInDisk`.
const MOST_FROM_DISK: usize = 8;
