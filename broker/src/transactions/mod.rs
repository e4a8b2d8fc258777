//! Transactional messages: a half is stored where no consumer sees it, and becomes a message when its producer commits
//! (Apache: `TransactionalMessageServiceImpl`).
//!
//! A message and the mark that its transaction has ended are one append: a crash leaves both or none, so a commit is carried out
//! once, however often it is asked for.

mod ask;

use crate::BrokerConfig;
use crate::broker::Broker;
use crate::clock::{Due, Moment};
use crate::damage::{self, Damage, Found};
use crate::faults::step;
use crate::json_file;
use crate::ledger::{Claim, Ledger, Open, Place};
use crate::offsets::ConsumerOffsets;
use crate::processor;
use crate::timers::{self, When};
use crate::topics::Topic;
use gantry_message::hash::tag_code;
use gantry_message::{Record, name, properties, sys_flag};
use gantry_remoting::ResponseCode;
use gantry_remoting::reply::Refusal;
use gantry_store::{AppendError, Appended, NewMessage, PhysicalOffset, QueueOffset, Store};

pub(crate) use ask::run;

/// As in Apache's stores and its `consumerOffset.json`.
const PLACE: Place =
    Place { entries: name::HALF_TOPIC, marks: name::HALF_MARKS_TOPIC, group: "CID_RMQ_SYS_TRANS" };

/// The transactions of this broker. Entries are halves, due when their producers are to be asked.
#[derive(Debug)]
pub(crate) struct Transactions(Ledger);

impl Transactions {
    /// Finds the transactions that have not ended in the log.
    pub(crate) fn load(
        config: &BrokerConfig,
        store: &Store,
        offsets: &ConsumerOffsets,
        damage: &Damage,
    ) -> Result<Self, json_file::Error> {
        let ledger = Ledger::load(PLACE, store, offsets, damage, |_, entry, is_over| {
            if is_over {
                return None;
            }
            match damage::at(store, entry) {
                Found::Record(bytes) => Record::read(&bytes).ok().map(|(record, _)| open(config, &record)),
                Found::Gone => None,
                // Whoever looks at it when it is due finds out, too.
                Found::Damaged(_) => Some(Open { due: Due::at(0), times: 0 }),
            }
        })?;
        if ledger.len() > 0 {
            tracing::info!(
                count = ledger.len(),
                "transactions that have not ended: their producers are asked"
            );
        }
        Ok(Self(ledger))
    }

    /// Where they are kept.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.0
    }

    /// Stores a message that shall be sent to a queue of `topic` when its producer says so.
    pub(crate) fn prepare(
        &self,
        broker: &Broker,
        topic: &Topic,
        queue_id: i32,
        message: &NewMessage<'_>,
    ) -> Result<Appended, Refusal> {
        let mut text = properties::without(message.properties, is_real_place);
        if let Some(key) = properties::find(message.properties, properties::UNIQ_KEY) {
            properties::set(&mut text, properties::TRANSACTION_ID, key);
        }
        properties::push(&mut text, properties::REAL_TOPIC, topic.name());
        properties::push(&mut text, properties::REAL_QUEUE_ID, &queue_id.to_string());
        let message = NewMessage { properties: &text, ..*message };
        let has_time = properties::pairs(message.properties).any(|(name, _)| timers::is_time(name));
        processor::check_properties(broker, &message, if has_time { timers::ROOM } else { 0 })?;
        let wait = wait_ms(&broker.config(), message.properties);
        let mut stored = None;
        let appended = broker.store.append_batch(self.0.entries(), &[message], None, &mut |half| {
            let at = half.store_timestamp.saturating_add(wait);
            self.0.opened(&half, Due::within(Moment::now(), at, wait));
            stored = Some(half);
        });
        step("transaction: half stored");
        let stored = appended.and_then(|()| stored.ok_or(AppendError::Stopped));
        stored.map_err(|error| processor::append_failed(broker, error))
    }

    /// Makes the half a message of its topic. Gives its end in the log.
    ///
    /// # Errors
    /// The transaction has not ended by this; it may have before.
    pub(crate) fn commit(&self, broker: &Broker, half: &Record<'_>) -> Result<PhysicalOffset, Refusal> {
        let claim = self.claim(half)?;
        let half_again = damage::again(half).map_err(|why| {
            broker.damage.found_record(half, &why, "its transaction stays open");
            Refusal::new(ResponseCode::SYSTEM_ERROR, format!("the prepared message is damaged: {why}"))
        })?;
        let topic = half.property(properties::REAL_TOPIC).and_then(|topic| broker.topics.get(topic));
        let queue = half.property(properties::REAL_QUEUE_ID).and_then(|id| id.parse().ok());
        let (Some(topic), Some(queue)) = (topic, queue) else {
            let text = "the topic of the transaction's message is gone".to_owned();
            return Err(Refusal::new(ResponseCode::TOPIC_NOT_EXIST, text));
        };
        let text = properties::without(half.properties, is_real_place);
        let sys_flag = half.sys_flag & !sys_flag::TRANSACTION_MASK | sys_flag::TRANSACTION_COMMIT;
        let message = NewMessage {
            sys_flag,
            prepared_transaction_offset: half.physical_offset,
            properties: &text,
            ..half_again
        };
        let when = When::of(broker, &text)?;
        let appended =
            processor::append_when(broker, &topic, queue, when, &message, |queue, message, turn, told| {
                claim.close_by(&broker.store, (queue, message), turn, told)
            });
        let (_, appended) = appended?;
        step("transaction: committed");
        topic.traffic().was_committed();
        Ok(appended.end)
    }

    /// Drops the half.
    ///
    /// # Errors
    /// The transaction has not ended by this; it may have before.
    pub(crate) fn rollback(&self, broker: &Broker, half: &Record<'_>) -> Result<PhysicalOffset, Refusal> {
        let mark = self.claim(half)?.close(&broker.store);
        let mark = mark.map_err(|error| processor::append_failed(broker, error))?;
        step("transaction: rolled back");
        if let Some(topic) = half.property(properties::REAL_TOPIC).and_then(|topic| broker.topics.get(topic))
        {
            topic.traffic().was_rolled_back();
        }
        Ok(mark.end)
    }

    /// Puts the half where an operator finds those that nobody would decide on.
    fn give_up(&self, broker: &Broker, half: &Record<'_>) -> Result<PhysicalOffset, Refusal> {
        let claim = self.claim(half)?;
        let topic = broker.topic_or_new(name::GIVEN_UP_TOPIC, 1)?;
        let queue = topic.queue(&broker.store, 0);
        let message = NewMessage::again(half);
        let appended = claim.close_by(&broker.store, (&queue.log, &message), None, |_| {});
        step("transaction: given up");
        let appended = appended.map_err(|error| processor::append_failed(broker, error))?;
        broker.arrived(&queue, tag_code(half.property(properties::TAGS)), appended.end);
        Ok(appended.end)
    }

    fn claim(&self, half: &Record<'_>) -> Result<Claim<'_>, Refusal> {
        step("transaction: decided");
        self.0.claim(QueueOffset(half.queue_offset)).ok_or_else(|| {
            let text = "the transaction has ended before, or was given up".to_owned();
            Refusal::new(ResponseCode::SYSTEM_ERROR, text)
        })
    }
}

fn open(config: &BrokerConfig, half: &Record<'_>) -> Open {
    let asked = half.property(properties::TRANSACTION_CHECK_TIMES).and_then(|times| times.parse().ok());
    let wait = wait_ms(config, half.properties);
    let due = Due::within(Moment::now(), half.store_timestamp.saturating_add(wait), wait);
    Open { due, times: asked.unwrap_or(0) }
}

/// How long after it was stored a half's producer is left in peace, in milliseconds.
fn wait_ms(config: &BrokerConfig, text: &str) -> i64 {
    immunity_ms(text).unwrap_or(config.transaction_time_out.as_millis() as i64)
}

/// The time that a message asks for itself, in milliseconds.
pub(crate) fn immunity_ms(text: &str) -> Option<i64> {
    let seconds: i64 = properties::find(text, properties::CHECK_IMMUNITY_TIME)?.parse().ok()?;
    (seconds >= 0).then(|| seconds.saturating_mul(1000))
}

fn is_real_place(name: &str) -> bool {
    matches!(name, properties::REAL_TOPIC | properties::REAL_QUEUE_ID)
}
