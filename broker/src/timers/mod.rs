//! Messages with a time of delivery of their own, exact to the millisecond, and taking them back before (Apache:
//! `TimerMessageStore`).
//!
//! They wait in `rmq_sys_wheel_timer`, as Apache's do; which still wait is a [`Ledger`], so each is delivered once, whenever a
//! crash comes.

mod apache;
mod deliver;
pub(crate) mod handle;
mod when;

pub(crate) use deliver::run;
pub(crate) use when::{When, is_time};

use crate::broker::Broker;
use crate::clock::Due;
use crate::damage::{self, Damage, Found};
use crate::faults::step;
use crate::json_file;
use crate::ledger::{Ledger, Open, Place};
use crate::offsets::ConsumerOffsets;
use crate::processor;
use gantry_message::{Record, name, properties};
use gantry_remoting::ResponseCode;
use gantry_remoting::reply::Refusal;
use gantry_store::{Appended, ConsumeQueue, NewMessage, QueueOffset, Store, Tag};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const PLACE: Place =
    Place { entries: name::TIMER_TOPIC, marks: name::TIMER_MARKS_TOPIC, group: "CID_RMQ_SYS_TIMER" };

/// Bytes of properties that a delivered message has and a waiting one has not, at most.
pub(crate) const STAMPS: usize = 2 * ("TIMER_ENQUEUE_MS".len() + 2 + 19);

/// The same of a waiting one that shall wait for its time.
pub(crate) const ROOM: usize = STAMPS + "TIMER_OUT_MS".len() + 2 + 19;

/// How long a recall waits for the index, which is behind by milliseconds at most unless the disk is stuck.
const INDEX_WAIT: Duration = Duration::from_secs(2);

/// The messages that wait for their time. An entry's `tagCode` is its time.
#[derive(Debug)]
pub(crate) struct Timers(Ledger);

impl Timers {
    /// Finds the messages that wait in the log.
    pub(crate) fn load(
        config_dir: &Path,
        store: &Store,
        offsets: &ConsumerOffsets,
        damage: &Damage,
    ) -> Result<Self, json_file::Error> {
        let apache = apache::Delivered::load(config_dir)?;
        let ledger = Ledger::load(PLACE, store, offsets, damage, |at, entry, _| {
            if !apache.has_read(at) {
                return Some(Open { due: Due::at(entry.tag_code), times: 0 });
            }
            let bytes = match damage::at(store, entry) {
                Found::Record(bytes) => bytes,
                Found::Gone => return None,
                // Whoever is to deliver it finds out, too.
                Found::Damaged(_) => return Some(Open { due: Due::at(0), times: 0 }),
            };
            let due = due(&Record::read(&bytes).ok()?.0);
            (!apache.has_delivered(due)).then_some(Open { due: Due::at(due), times: 0 })
        })?;
        if ledger.len() > 0 {
            tracing::info!(count = ledger.len(), "messages that wait for their time of delivery");
        }
        Ok(Self(ledger))
    }

    /// Where they are kept.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.0
    }

    /// Takes back the messages that were sent to `topic` with the unique key `key` and still wait. Gives the place of the mark
    /// that says so, also when there was none. Waits for the index.
    pub(crate) fn recall(&self, broker: &Broker, topic: &str, key: &str) -> Result<Appended, Refusal> {
        /// A message is stored again when it waits for long.
        const MANY: usize = 64;
        if !broker.config().message_index_enable {
            let text = "recall failed: without an index (messageIndexEnable) messages are not found";
            return Err(Refusal::new(ResponseCode::SERVICE_NOT_AVAILABLE, text));
        }
        // Who is told that a message was taken back relies on it.
        if !broker.store.await_index(INDEX_WAIT) {
            let text = "recall failed: the index is behind what was stored, try again";
            return Err(Refusal::new(ResponseCode::SYSTEM_BUSY, text));
        }
        let mut over = None;
        for bytes in broker.store.query(PLACE.entries, key, &(0..=i64::MAX), MANY) {
            let Ok((record, _)) = Record::read(&bytes) else { continue };
            let is_it = record.property(properties::UNIQ_KEY) == Some(key)
                && record.property(properties::REAL_TOPIC) == Some(topic);
            if let Some(claim) = is_it.then(|| self.0.claim(QueueOffset(record.queue_offset))).flatten() {
                step("timer: about to be taken back");
                over = Some(claim.close(&broker.store));
                step("timer: taken back");
            }
        }
        if over.is_none() {
            tracing::info!(
                topic,
                key,
                "a message to take back is not waiting: delivered, or taken back before"
            );
        }
        let mark = over.unwrap_or_else(|| self.0.mark_nothing(&broker.store));
        mark.map_err(|error| processor::append_failed(broker, error))
    }
}

/// A message for queue `queue_id` of `topic` as it waits.
pub(crate) struct Waiting {
    text: String,
    at: i64,
}

impl Waiting {
    /// `text`: its properties. `at`: milliseconds since the epoch.
    pub(crate) fn new(text: &str, topic: &str, queue_id: i32, at: i64) -> Self {
        let mut text = properties::without(text, |name| {
            matches!(name, properties::REAL_TOPIC | properties::REAL_QUEUE_ID | properties::TIMER_OUT_MS)
        });
        properties::push(&mut text, properties::TIMER_OUT_MS, &at.to_string());
        properties::push(&mut text, properties::REAL_TOPIC, topic);
        properties::push(&mut text, properties::REAL_QUEUE_ID, &queue_id.to_string());
        Self { text, at }
    }

    pub(crate) fn message<'a>(&'a self, message: &NewMessage<'a>) -> NewMessage<'a> {
        NewMessage { properties: &self.text, tag: Tag::DueAt(self.at), ..*message }
    }
}

/// When a waiting message is to be delivered: long ago, if it does not say.
fn due(record: &Record<'_>) -> i64 {
    record.property(properties::TIMER_OUT_MS).and_then(|at| at.parse().ok()).unwrap_or(0)
}

/// The queue that they wait in.
pub(crate) fn queue(broker: &Broker) -> &Arc<ConsumeQueue> {
    broker.timers.ledger().entries()
}
