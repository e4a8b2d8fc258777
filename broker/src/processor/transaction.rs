//! END_TRANSACTION: a producer says what shall become of a half message (Apache: `EndTransactionProcessor`).

use super::{failed, in_background};
use crate::broker::Broker;
use crate::clock::now_ms;
use crate::damage;
use crate::faults::{Fault, has};
use crate::session::BrokerSession;
use crate::transactions;
use gantry_message::{Record, id, name, properties, sys_flag};
use gantry_remoting::header::{EndTransaction, FromFields as _, ResumeCheckHalf};
use gantry_remoting::reply::{Answer, Outbound, Refusal};
use gantry_remoting::{Command, ResponseCode};
use gantry_store::{FlushMode, PhysicalOffset};

pub(crate) fn end_transaction(session: &BrokerSession, command: &Command<'_>, out: &mut Outbound) {
    let (broker, to) = (&session.broker, command.reply_to());
    let end = match end(broker, command) {
        Ok(end) => end,
        Err(refusal) => {
            tracing::warn!(addr = %session.peer.addr(), %refusal, "a transaction was not ended");
            return out.refuse(to, refusal.code, &refusal.remark);
        }
    };
    let is_safe = broker.store.config().flush != FlushMode::Sync || end <= broker.store.durable_end();
    if is_safe || command.is_oneway() {
        return out.answer(to, &Answer::ok());
    }
    in_background(session, to, move |broker, out| match broker.store.flush() {
        Ok(()) => out.answer(to, &Answer::ok()),
        Err(error) => out.refuse(to, ResponseCode::FLUSH_DISK_TIMEOUT, &error.to_string()),
    });
}

/// Gives the place in the log up to which it has to be safe.
fn end(broker: &Broker, command: &Command<'_>) -> Result<PhysicalOffset, Refusal> {
    let header = EndTransaction::from_fields(command.ext)?;
    let decision = header.commit_or_rollback;
    if decision != sys_flag::TRANSACTION_COMMIT && decision != sys_flag::TRANSACTION_ROLLBACK {
        // The producer does not know yet; it is asked again.
        tracing::info!(
            group = header.producer_group,
            id = header.msg_id,
            remark = command.remark,
            "a transaction stays open"
        );
        return Ok(PhysicalOffset(0));
    }
    let bytes = broker
        .store
        .read_at(PhysicalOffset(header.commit_log_offset))
        .ok_or_else(|| failed("find prepared transaction message failed"))?;
    let (half, _) = Record::read(&bytes).map_err(failed)?;
    if half.topic != name::HALF_TOPIC {
        return Err(failed("the commit log offset is not that of a prepared message"));
    }
    if half.property(properties::PRODUCER_GROUP) != Some(header.producer_group) {
        return Err(failed("the producer group wrong"));
    }
    if half.queue_offset != header.tran_state_table_offset {
        return Err(failed("the transaction state table offset wrong"));
    }
    let immunity = transactions::immunity_ms(half.properties);
    if let Some(immunity) = immunity.filter(|_| !header.from_transaction_check)
        && now_ms().saturating_sub(half.born_timestamp) > immunity
    {
        // By now producers are being asked, and one of them may say something else.
        return Err(Refusal::new(
            ResponseCode::ILLEGAL_OPERATION,
            format!("the transaction is decided by its check since {immunity} ms after it was sent"),
        ));
    }
    if has(Fault::CommitForgotten) && half.queue_offset % 10 == 4 {
        return Ok(PhysicalOffset(0));
    }
    if decision == sys_flag::TRANSACTION_COMMIT {
        broker.transactions.commit(broker, &half)
    } else {
        broker.transactions.rollback(broker, &half)
    }
}

/// RESUME_CHECK_HALF_MESSAGE: producers are asked again about a transaction that was given up.
pub(crate) fn resume_check(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = ResumeCheckHalf::from_fields(command.ext)?;
    let place = header.msg_id.and_then(id::parse_offset_id).map(|(_, place)| PhysicalOffset(place));
    let bytes = place.and_then(|place| broker.store.read_at(place));
    let bytes = bytes.ok_or_else(|| failed("msgId is not the id of a message of this broker"))?;
    let (given_up, _) = Record::read(&bytes).map_err(failed)?;
    let topic = given_up.property(properties::REAL_TOPIC).and_then(|topic| broker.topics.get(topic));
    let queue = given_up.property(properties::REAL_QUEUE_ID).and_then(|queue| queue.parse().ok());
    let (Some(topic), Some(queue), name::GIVEN_UP_TOPIC) = (topic, queue, given_up.topic) else {
        return Err(failed(format!("the message is not in {}, or its topic is gone", name::GIVEN_UP_TOPIC)));
    };
    let again = damage::again(&given_up).map_err(|why| {
        broker.damage.found_record(&given_up, &why, "it is not taken up again");
        failed(format!("the message is damaged: {why}"))
    })?;
    broker.transactions.prepare(broker, &topic, queue, &again)?;
    tracing::info!(topic = topic.name(), "producers are asked again about a transaction that was given up");
    Ok(Answer::ok())
}
