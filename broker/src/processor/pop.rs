//! POP_MESSAGE and NOTIFICATION (Apache: `PopMessageProcessor`, `NotificationProcessor`).

use super::{SEE_ALSO, check_kind, in_background, no_topic};
use crate::broker::Broker;
use crate::clock::now_ms;
use crate::filter::Filter;
use crate::pop::{self, Asks, Nothing, Pop, PopHold, Taken, handle};
use crate::session::BrokerSession;
use crate::topics::Topic;
use gantry_message::name;
use gantry_remoting::body::PERM_READ;
use gantry_remoting::codec::HeaderWriter;
use gantry_remoting::header::{FromFields as _, Notification, POP_FROM_END, PopMessage};
use gantry_remoting::reply::{Outbound, Refusal};
use gantry_remoting::{Command, ResponseCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A pop that comes this long after its time is not worth answering, in milliseconds.
const TOO_LATE: i64 = 500;
/// How long a pop may wait at most, in milliseconds.
const LONGEST: i64 = 600_000;

pub(crate) fn pop(session: &BrokerSession, command: &Command<'_>, out: &mut Outbound) {
    let pop = PopMessage::from_fields(command.ext)
        .map_err(Refusal::from)
        .and_then(|header| check_pop(session, command, &header));
    start(session, command, out, pop);
}

pub(crate) fn notification(session: &BrokerSession, command: &Command<'_>, out: &mut Outbound) {
    let pop = Notification::from_fields(command.ext).map_err(Refusal::from).and_then(|header| {
        let pop = Pop {
            to: command.reply_to(),
            group: header.consumer_group.into(),
            topic: header.topic.into(),
            queue: header.queue_id.max(-1),
            asks: Asks::Notice,
            in_order: header.order,
            attempt: header.attempt_id.map(Into::into),
        };
        let topic = check(session, &pop)?;
        Ok((pop, topic, left(header.born_time, header.poll_time)))
    });
    start(session, command, out, pop);
}

/// What was asked for, the topic, and how long it may wait from now, in milliseconds.
type Checked = (Pop, Arc<Topic>, i64);

fn start(
    session: &BrokerSession,
    command: &Command<'_>,
    out: &mut Outbound,
    checked: Result<Checked, Refusal>,
) {
    match checked {
        Ok((pop, topic, wait)) => {
            let deadline = Instant::now() + Duration::from_millis(wait.clamp(0, LONGEST) as u64);
            attempt(session, out, pop, topic, deadline, wait > 0);
        }
        Err(refusal) => {
            tracing::debug!(addr = %session.peer.addr(), %refusal, "pop refused");
            out.refuse(command.reply_to(), refusal.code, &refusal.remark);
        }
    }
}

/// A pop that waited: somebody may have sent something, or its time is over.
pub(crate) fn pop_again(session: &BrokerSession, hold: &PopHold, out: &mut Outbound) {
    let pop = hold.pop.clone();
    match check(session, &pop) {
        Ok(topic) => {
            let may_wait = hold.deadline > Instant::now();
            attempt(session, out, pop, topic, hold.deadline, may_wait);
        }
        Err(refusal) => out.refuse(pop.to, refusal.code, &refusal.remark),
    }
}

/// Answers with what there is, or has the pop wait.
fn attempt(
    session: &BrokerSession,
    out: &mut Outbound,
    pop: Pop,
    topic: Arc<Topic>,
    deadline: Instant,
    may_wait: bool,
) {
    let broker = &session.broker;
    if let Asks::Messages { filter, .. } = &pop.asks
        && (filter.reads_messages() || is_cold(broker, &topic, &pop))
    {
        // The disk is waited for elsewhere.
        let inbox = Arc::clone(&session.inbox);
        let to = pop.to;
        return in_background(session, to, move |broker, out| {
            let hold = |pop| broker.pops.waiting.add(PopHold::new(pop, deadline, inbox));
            run(broker, out, pop, &topic, may_wait, hold);
        });
    }
    let hold = |pop| {
        let hold = PopHold::new(pop, deadline, Arc::clone(&session.inbox));
        broker.pops.waiting.add(hold);
    };
    run(broker, out, pop, &topic, may_wait, hold);
}

fn run(
    broker: &Broker,
    out: &mut Outbound,
    pop: Pop,
    topic: &Arc<Topic>,
    may_wait: bool,
    hold: impl FnOnce(Pop),
) {
    let found = match pop.asks {
        Asks::Notice if broker.pops.may_find(broker, &pop) => return answer_notice(out, &pop, true),
        Asks::Notice => Nothing { rest: 0 },
        Asks::Messages { invisible, .. } => match broker.pops.take(broker, topic, &pop) {
            Ok(Ok(taken)) => {
                // Whoever waits may have what is left.
                if taken.rest > 0 {
                    broker.pops.waiting.look(&pop.topic, &pop.group, pop.queue);
                }
                return answer_with(out, &pop, ResponseCode::SUCCESS, "FOUND", invisible, taken);
            }
            Ok(Err(nothing)) => nothing,
            Err(refusal) => return out.refuse(pop.to, refusal.code, &refusal.remark),
        },
    };
    if may_wait {
        let (topic, group, queue) = (pop.topic.clone(), pop.group.clone(), pop.queue);
        let looked = pop.clone();
        hold(pop);
        // A message that came between the look and the wait woke nobody.
        if found.rest > 0 || broker.pops.may_find(broker, &looked) {
            broker.pops.waiting.look(&topic, &group, queue);
        }
        return;
    }
    match pop.asks {
        Asks::Notice => answer_notice(out, &pop, false),
        Asks::Messages { invisible, .. } => {
            let nothing = Taken { rest: found.rest, ..Taken::nothing(now_ms()) };
            answer_with(out, &pop, ResponseCode::POLLING_TIMEOUT, "NO_MESSAGE_IN_QUEUE", invisible, nothing);
        }
    }
}

/// True when messages for it may have to come from the disk.
fn is_cold(broker: &Broker, topic: &Arc<Topic>, pop: &Pop) -> bool {
    let queues = if pop.queue < 0 {
        0..topic.config().read_queue_nums
    } else {
        pop.queue..pop.queue.saturating_add(1)
    };
    queues.into_iter().any(|queue| {
        let Some(log) = broker.store.existing_queue(topic.name(), queue) else { return false };
        let at = broker.offsets.get(&pop.group, topic.name(), queue).unwrap_or(0);
        super::pull::may_be_cold(broker, &log, gantry_store::QueueOffset(at))
    })
}

fn answer_with(
    out: &mut Outbound,
    pop: &Pop,
    code: ResponseCode,
    remark: &str,
    invisible: i64,
    taken: Taken,
) {
    let Taken { bodies, lists, pop_time, rest, .. } = taken;
    let len = bodies.iter().map(bytes::Bytes::len).sum();
    let fields = |header: &mut HeaderWriter<'_>| {
        header.remark(remark);
        header.int_field("popTime", pop_time);
        header.int_field("invisibleTime", invisible);
        header.int_field("reviveQid", if pop.in_order { handle::IN_ORDER.into() } else { 0 });
        header.int_field("restNum", rest);
        header.field("startOffsetInfo", &lists.starts);
        header.field("msgOffsetInfo", &lists.offsets);
        if pop.in_order {
            header.field("orderCountInfo", &lists.times);
        }
    };
    out.respond_shared(pop.to, code, fields, bodies, len);
}

fn answer_notice(out: &mut Outbound, pop: &Pop, has_message: bool) {
    let fields = |header: &mut HeaderWriter<'_>| {
        header.field("hasMsg", if has_message { "true" } else { "false" });
        header.field("pollingFull", "false");
    };
    out.respond(pop.to, ResponseCode::SUCCESS, fields, &[]);
}

fn left(born: i64, poll: i64) -> i64 {
    // A clock that is ahead or behind must not make it wait for longer, or not at all.
    let poll = poll.clamp(0, LONGEST);
    let since = now_ms().saturating_sub(born).clamp(0, poll + TOO_LATE + 1);
    if born == 0 { poll } else { poll - since }
}

fn check_pop(
    session: &BrokerSession,
    command: &Command<'_>,
    header: &PopMessage<'_>,
) -> Result<Checked, Refusal> {
    let broker = &session.broker;
    let wait = left(header.born_time, header.poll_time);
    if wait < -TOO_LATE {
        return Err(Refusal::new(
            ResponseCode::POLLING_TIMEOUT,
            format!("the broker[{}] pop message is timeout too much", broker.config().broker_ip1),
        ));
    }
    if header.max_msg_nums > pop::MOST as i32 {
        return Err(Refusal::new(
            ResponseCode::INVALID_PARAMETER,
            format!(
                "the broker[{}] pop message's num is greater than {}",
                broker.config().broker_ip1,
                pop::MOST
            ),
        ));
    }
    let filter = match header.expression.filter(|text| !text.is_empty()) {
        None => Filter::All,
        Some(text) => {
            let kind = header.expression_type.unwrap_or_default();
            check_kind(broker, kind)?;
            Filter::parse(kind, text).map_err(|error| {
                let text = format!("parse the consumer's subscription failed: {error}");
                Refusal::new(ResponseCode::SUBSCRIPTION_PARSE_FAILED, text)
            })?
        }
    };
    let pop = Pop {
        to: command.reply_to(),
        group: header.consumer_group.into(),
        topic: header.topic.into(),
        queue: header.queue_id.max(-1),
        asks: Asks::Messages {
            most: header.max_msg_nums.max(0) as usize,
            invisible: header.invisible_time.max(0),
            from_end: header.init_mode == POP_FROM_END,
            filter,
        },
        in_order: header.order,
        attempt: header.attempt_id.map(Into::into),
    };
    let topic = check(session, &pop)?;
    Ok((pop, topic, wait))
}

/// What may have changed while it waited, too.
fn check(session: &BrokerSession, pop: &Pop) -> Result<Arc<Topic>, Refusal> {
    let broker = &session.broker;
    let refused = |code, text: String| Err(Refusal::new(code, text));
    if broker.config().broker_permission & PERM_READ == 0 {
        let text = format!("the broker[{}] pop message is forbidden", broker.config().broker_ip1);
        return refused(ResponseCode::NO_PERMISSION, text);
    }
    let topic = broker.topics.get(&pop.topic).ok_or_else(|| no_topic(&pop.topic))?;
    let config = topic.config();
    if !config.is_readable() {
        let text = format!("the topic[{}] peeking message is forbidden", pop.topic);
        return refused(ResponseCode::NO_PERMISSION, text);
    }
    if pop.queue >= config.read_queue_nums {
        let text = format!(
            "queueId[{}] is illegal, topic:[{}] topicConfig.readQueueNums:[{}] consumer:[{}]",
            pop.queue,
            pop.topic,
            config.read_queue_nums,
            session.peer.addr()
        );
        return refused(ResponseCode::INVALID_PARAMETER, text);
    }
    let Some(group) = broker.groups.find(&pop.group) else {
        let text = format!("subscription group [{}] does not exist,{SEE_ALSO}", pop.group);
        return refused(ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST, text);
    };
    if !group.consume_enable {
        let text = format!("subscription group no permission, {}", pop.group);
        return refused(ResponseCode::NO_PERMISSION, text);
    }
    // Its name must be good before messages have to go there.
    name::check_topic(&name::pop_retry_topic(&pop.group, &pop.topic))
        .map_err(|error| Refusal::new(ResponseCode::INVALID_PARAMETER, error.to_string()))?;
    Ok(topic)
}
