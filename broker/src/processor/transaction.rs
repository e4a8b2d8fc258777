//! END_TRANSACTION: a producer says what shall become of a half message (Apache: `EndTransactionProcessor`).

use super::{failed, in_background};
use crate::broker::{Broker, now_ms};
use crate::session::BrokerSession;
use crate::transactions;
use gantry_message::{Record, name, properties, sys_flag};
use gantry_remoting::header::{EndTransaction, FromFields as _};
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
    in_background(session, move |broker, out| match broker.store.flush() {
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
        && now_ms() - half.born_timestamp > immunity
    {
        // By now producers are being asked, and one of them may say something else.
        return Err(Refusal::new(
            ResponseCode::ILLEGAL_OPERATION,
            format!("the transaction is decided by its check since {immunity} ms after it was sent"),
        ));
    }
    if decision == sys_flag::TRANSACTION_COMMIT {
        broker.transactions.commit(broker, &half)
    } else {
        broker.transactions.rollback(broker, &half)
    }
}
