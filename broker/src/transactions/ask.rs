//! Asking producers about transactions that they left open, and giving up those that nobody decides on.

use crate::broker::Broker;
use crate::clock::{Due, Moment};
use crate::faults::step;
use crate::ledger::{Open, Stored};
use gantry_message::{Record, properties};
use gantry_remoting::header::{CheckTransactionState, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode};
use gantry_store::QueueOffset;
use std::time::Duration;

/// How exact the times are at which producers are asked.
const TICK: Duration = Duration::from_secs(1);

/// A thread's work, until the broker stops.
pub(crate) fn run(broker: &Broker) {
    while !broker.stop.wait(TICK) {
        round(broker);
    }
}

fn round(broker: &Broker) {
    let ledger = broker.transactions.ledger();
    let now = Moment::now();
    let mut asked = Vec::new();
    for (offset, half) in ledger.due(now, usize::MAX) {
        if broker.stop.is_set() {
            return;
        }
        match look_at(broker, offset, half, now.wall) {
            Next::Asked => asked.push(offset),
            Next::Wait => {}
            Next::Gone => {
                tracing::warn!(%offset, "a transaction was open for longer than messages are kept: it is dropped");
                ledger.forget(offset);
            }
        }
    }
    let again = Due::after(now, broker.config().transaction_check_interval.as_millis() as i64);
    // Without the mark they are asked again at once, which is no harm.
    if let Err(error) = ledger.again(&broker.store, &asked, again) {
        tracing::warn!(%error, "cannot put on record that producers were asked about their transactions");
    }
    if !asked.is_empty() {
        step("transaction: asking on record");
    }
}

enum Next {
    Asked,
    /// Given up, or nothing can be done now.
    Wait,
    /// The message is not in the log any more.
    Gone,
}

fn look_at(broker: &Broker, offset: QueueOffset, half: Open, now: i64) -> Next {
    let bytes = match broker.transactions.ledger().read(&broker.store, offset) {
        Ok(Stored::Record(bytes)) => bytes,
        Ok(Stored::Gone) => return Next::Gone,
        Ok(Stored::NotSafe) => return Next::Wait,
        Ok(Stored::Damaged(why)) => {
            broker.transactions.ledger().set_aside(&broker.damage, offset, &why);
            return Next::Wait;
        }
        Err(error) => {
            tracing::warn!(%offset, %error, "a transaction's message cannot be read now: trying again");
            return Next::Wait;
        }
    };
    let Ok((record, _)) = Record::read(&bytes) else { return Next::Gone };
    if half.times < broker.config().transaction_check_max {
        ask(broker, &record);
        step("transaction: asked");
        return Next::Asked;
    }
    let topic = record.property(properties::REAL_TOPIC);
    let group = record.property(properties::PRODUCER_GROUP);
    match broker.transactions.give_up(broker, &record) {
        Ok(_) => {
            tracing::warn!(%offset, topic, group, asked = half.times, age_ms = now - record.store_timestamp,
                "no producer says what shall become of a transaction: it is given up");
        }
        Err(error) => {
            tracing::warn!(%offset, topic, %error, "a transaction cannot be given up now: trying again")
        }
    }
    Next::Wait
}

/// Asks one of the group's producers, if there is any.
fn ask(broker: &Broker, half: &Record<'_>) {
    let group = half.property(properties::PRODUCER_GROUP).unwrap_or_default();
    let Some(producer) = broker.producers.any(group) else {
        tracing::debug!(group, "nobody to ask about a transaction");
        return;
    };
    let queue_id = half.property(properties::REAL_QUEUE_ID).and_then(|id| id.parse().ok());
    let real = Record {
        topic: half.property(properties::REAL_TOPIC).unwrap_or(half.topic),
        queue_id: queue_id.unwrap_or(half.queue_id),
        ..*half
    };
    let body = real.to_vec();
    let unique_key = half.property(properties::UNIQ_KEY);
    let question = CheckTransactionState {
        topic: Some(real.topic),
        tran_state_table_offset: half.queue_offset,
        commit_log_offset: half.physical_offset,
        msg_id: unique_key,
        transaction_id: unique_key,
        offset_msg_id: Some(&gantry_message::id::offset_id(half.store_host, half.physical_offset)),
    }
    .into_command(CommandBuf::request(RequestCode::CHECK_TRANSACTION_STATE))
    .with_body(body);
    if let Err(error) = producer.notify(question) {
        tracing::debug!(group, addr = %producer.addr(), %error, "a producer cannot be asked about a transaction");
    }
}
