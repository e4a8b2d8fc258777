//! Scales of ordered topics: Gantry's own requests.

use super::{failed, no_topic};
use crate::broker::Broker;
use crate::scaling::{self, How};
use crate::session::BrokerSession;
use gantry_message::name;
use gantry_remoting::header::{BeginScale, FromFields as _, ScaleRef, TopicName};
use gantry_remoting::reply::{Answer, Outbound, Refusal};
use gantry_remoting::{Command, RequestCode, ResponseCode};
use gantry_scaling::{Begin, ScaleId, Settle};
use std::sync::Arc;

/// Longest time that clients may be given.
const LONGEST: i64 = 24 * 3600 * 1000;

/// Begins, aborts or ends a scale. The answer is where the topic's scales stand then, and waits until the name servers know.
pub(crate) fn scale(session: &BrokerSession, command: &Command<'_>, out: &mut Outbound) {
    let (broker, to) = (&session.broker, command.reply_to());
    let changed = match command.request_code() {
        RequestCode::BEGIN_SCALE => begin(broker, command),
        code => end(broker, command, code == RequestCode::OPEN_SCALE),
    };
    let (topic, changed) = match changed {
        Ok(changed) => changed,
        Err(refusal) => return out.refuse(to, refusal.code, &refusal.remark),
    };
    let (broker, peer) = (Arc::clone(broker), Arc::clone(&session.peer));
    tokio::spawn(async move {
        if changed {
            broker.registration.register(&broker).await;
        }
        // What is answered is done: it must be on the disk, too.
        let flushed = Arc::clone(&broker);
        let flushed = tokio::task::spawn_blocking(move || scaling::flush(&flushed)).await;
        let mut out = Outbound::default();
        match (flushed.map_err(failed).flatten(), broker.topics.get(&topic)) {
            (Err(refusal), _) => out.refuse(to, refusal.code, &refusal.remark),
            (Ok(()), Some(found)) => out.answer(to, &Answer::json(&scaling::view(&broker, &found))),
            (Ok(()), None) => out.refuse(to, ResponseCode::TOPIC_NOT_EXIST, &no_topic(&topic).remark),
        }
        // A client that is gone needs no answer.
        let _ = peer.send(&mut out);
    });
}

fn begin(broker: &Broker, command: &Command<'_>) -> Result<(String, bool), Refusal> {
    let header = BeginScale::from_fields(command.ext)?;
    let _one_at_a_time = broker.changing_topics.lock();
    let topic = broker.topics.get(header.topic).ok_or_else(|| no_topic(header.topic))?;
    if name::is_system_topic(header.topic) || header.topic.starts_with('%') {
        return Err(invalid(format!("topic {} belongs to the system: it is not scaled", header.topic)));
    }
    let default = Settle::default();
    let millis = header.settle_millis.unwrap_or(default.millis);
    let max_millis = header.max_settle_millis.unwrap_or(default.max_millis).max(millis);
    if !(0..=LONGEST).contains(&millis) || max_millis > LONGEST {
        return Err(invalid("settleMillis and maxSettleMillis must be from 0 to a day".into()));
    }
    let begin = Begin { id: id(header.scale_id)?, from: header.from, to: header.to };
    let how = How { settle: Settle { millis, max_millis }, open_reads_early: header.open_reads_early };
    Ok((header.topic.to_owned(), scaling::begin(broker, &topic, &begin, how)?))
}

fn end(broker: &Broker, command: &Command<'_>, open: bool) -> Result<(String, bool), Refusal> {
    let header = ScaleRef::from_fields(command.ext)?;
    let _one_at_a_time = broker.changing_topics.lock();
    let topic = broker.topics.get(header.topic).ok_or_else(|| no_topic(header.topic))?;
    let id = id(header.scale_id)?;
    let changed = if open { scaling::open(broker, &topic, &id) } else { scaling::abort(broker, &topic, &id) };
    Ok((header.topic.to_owned(), changed?))
}

/// Where a topic's scales stand.
pub(crate) fn scaling_of(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let topic = TopicName::from_fields(command.ext)?.topic;
    let found = broker.topics.get(topic).ok_or_else(|| no_topic(topic))?;
    Ok(Answer::json(&scaling::view(broker, &found)))
}

fn id(text: &str) -> Result<ScaleId, Refusal> {
    ScaleId::new(text).ok_or_else(|| {
        failed(format!("a scale's id has 1 to {} letters, digits and -_.: , not {text:?}", ScaleId::MAX_LEN))
    })
}

fn invalid(text: String) -> Refusal {
    Refusal::new(ResponseCode::INVALID_PARAMETER, text)
}
