//! Transactional messages: a half is stored where no consumer sees it, and becomes a message when its producer commits
//! (Apache: `TransactionalMessageServiceImpl`).
//!
//! A message and the mark that its transaction has ended are one append: a crash leaves both or none, so a commit is carried out
//! once, however often it is asked for.

mod ask;
mod mark;
mod pending;

use crate::BrokerConfig;
use crate::broker::{Broker, now_ms};
use crate::json_file;
use crate::offsets::ConsumerOffsets;
use crate::processor;
use crate::topics::Topic;
use gantry_message::hash::tag_code;
use gantry_message::{Record, name, properties, sys_flag};
use gantry_remoting::ResponseCode;
use gantry_remoting::reply::Refusal;
use gantry_store::{
    AppendError, Appended, ConsumeQueue, NewMessage, PhysicalOffset, QueueOffset, Store, Turn,
};
use mark::Written;
use parking_lot::Mutex;
use pending::{Half, Mark, Pending, Resume};
use std::io;
use std::sync::Arc;

pub(crate) use ask::run;

/// The group whose offsets of the two topics say where a start has to read from, as in Apache's `consumerOffset.json`.
const GROUP: &str = "CID_RMQ_SYS_TRANS";

/// The transactions of this broker.
#[derive(Debug)]
pub(crate) struct Transactions {
    pending: Mutex<Pending>,
    halves: Arc<ConsumeQueue>,
    marks: Arc<ConsumeQueue>,
}

impl Transactions {
    /// Finds the transactions that have not ended in the log.
    pub(crate) fn load(
        config: &BrokerConfig,
        store: &Store,
        offsets: &ConsumerOffsets,
    ) -> Result<Self, json_file::Error> {
        let halves = store.queue(name::HALF_TOPIC, 0);
        let marks = store.queue(name::HALF_MARKS_TOPIC, 0);
        let from = |queue: &ConsumeQueue| {
            let saved = offsets.get(GROUP, queue.topic(), 0).unwrap_or(0);
            // A log that lost its end to a power cut is shorter than what was saved.
            QueueOffset(saved).clamp(queue.min_offset(), store.max_offset(queue))
        };
        let mut resume = Resume::from(from(&halves), from(&marks));
        let mut read_marks = |at, record: Option<&Record<'_>>| resume.mark(at, record.and_then(mark::read));
        each(store, &marks, from(&marks), &mut read_marks)?;
        let mut read_halves = |at, record: Option<&Record<'_>>| {
            resume.half(at, record.map(|record| half_of(config, record)));
        };
        each(store, &halves, from(&halves), &mut read_halves)?;
        let pending = resume.done();
        if pending.len() > 0 {
            tracing::info!(
                count = pending.len(),
                "transactions that have not ended: their producers are asked"
            );
        }
        Ok(Self { pending: Mutex::new(pending), halves, marks })
    }

    /// How many have not ended.
    pub(crate) fn open(&self) -> usize {
        self.pending.lock().len()
    }

    /// Where the next start has to read from. The log is on the disk up to there before this is.
    pub(crate) fn save_positions(&self, broker: &Broker) -> io::Result<()> {
        let (half, mark) = self.pending.lock().positions();
        let is = |queue: &ConsumeQueue| broker.offsets.get(GROUP, queue.topic(), 0).unwrap_or(0);
        if (is(&self.halves), is(&self.marks)) != (half.0, mark.0) {
            broker.store.flush()?;
            broker.offsets.commit(GROUP, self.halves.topic(), 0, half.0);
            broker.offsets.commit(GROUP, self.marks.topic(), 0, mark.0);
        }
        Ok(())
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
        properties::push(&mut text, properties::REAL_TOPIC, topic.name());
        properties::push(&mut text, properties::REAL_QUEUE_ID, &queue_id.to_string());
        let message = NewMessage { properties: &text, ..*message };
        processor::check_properties(broker, &message)?;
        let wait = wait_ms(&broker.config, message.properties);
        let mut stored = None;
        let appended = broker.store.append_batch(&self.halves, &[message], None, &mut |half| {
            let ask_at = half.store_timestamp.saturating_add(wait);
            let known = Half { place: half.physical_offset, ask_at, asked: 0 };
            self.pending.lock().prepared(half.queue_offset, known);
            stored = Some(half);
        });
        let stored = appended.and_then(|()| stored.ok_or(AppendError::Stopped));
        stored.map_err(|error| processor::append_failed(broker, error))
    }

    /// Makes the half a message of its topic. Gives its end in the log.
    ///
    /// # Errors
    /// The transaction has not ended by this; it may have before.
    pub(crate) fn commit(&self, broker: &Broker, half: &Record<'_>) -> Result<PhysicalOffset, Refusal> {
        self.end(half, |mark| {
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
                ..NewMessage::again(half)
            };
            let level = properties::find(&text, properties::DELAY).and_then(|level| level.parse().ok());
            let append = |queue: &Arc<ConsumeQueue>, message: &NewMessage<'_>, turn: Turn<'_>| {
                self.append_and_mark(broker, half, (queue, message), mark, Some(turn))
            };
            let appended =
                processor::append_in_time(broker, &topic, queue, level.unwrap_or(0), &message, append);
            appended.map(|(_, appended)| appended.end)
        })
    }

    /// Drops the half.
    ///
    /// # Errors
    /// The transaction has not ended by this; it may have before.
    pub(crate) fn rollback(&self, broker: &Broker, half: &Record<'_>) -> Result<PhysicalOffset, Refusal> {
        self.end(half, |mark| {
            let mut end = PhysicalOffset(0);
            let told = &mut |mark: Appended| {
                self.pending.lock().ended(QueueOffset(half.queue_offset), mark.queue_offset);
                end = mark.end;
            };
            let appended = broker.store.append_batch(&self.marks, &[mark.message(now_ms())], None, told);
            appended.map_err(|error| processor::append_failed(broker, error))?;
            Ok(end)
        })
    }

    /// Puts the half where an operator finds those that nobody would decide on.
    fn give_up(&self, broker: &Broker, half: &Record<'_>) -> Result<PhysicalOffset, Refusal> {
        self.end(half, |mark| {
            let topic = broker.topic_or_new(name::GIVEN_UP_TOPIC, 1)?;
            let queue = topic.queue(&broker.store, 0);
            let message = NewMessage::again(half);
            let appended = self.append_and_mark(broker, half, (&queue.log, &message), mark, None);
            let appended = appended.map_err(|error| processor::append_failed(broker, error))?;
            broker.arrived(&queue, tag_code(half.property(properties::TAGS)), appended.end);
            Ok(appended.end)
        })
    }

    fn end<T>(
        &self,
        half: &Record<'_>,
        end: impl FnOnce(&Written) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let offset = QueueOffset(half.queue_offset);
        if !self.pending.lock().claim(offset) {
            let text = "the transaction has ended before, or was given up".to_owned();
            return Err(Refusal::new(ResponseCode::SYSTEM_ERROR, text));
        }
        // Released too when it has ended: nothing is claimed then.
        let result = end(&Written::new(Mark::Ended, &[offset]));
        self.pending.lock().release(offset);
        result
    }

    fn append_and_mark(
        &self,
        broker: &Broker,
        half: &Record<'_>,
        message: (&Arc<ConsumeQueue>, &NewMessage<'_>),
        mark: &Written,
        turn: Option<Turn<'_>>,
    ) -> Result<Appended, AppendError> {
        let mut stored = None;
        let mark = mark.message(now_ms());
        broker.store.append_both(message, (&self.marks, &mark), turn, |message, mark| {
            self.pending.lock().ended(QueueOffset(half.queue_offset), mark.queue_offset);
            stored = Some(Appended { end: mark.end, ..message });
        })?;
        stored.ok_or(AppendError::Stopped)
    }
}

/// Reads a queue from `from` to its end; `None` for what is not in the log any more.
fn each(
    store: &Store,
    queue: &ConsumeQueue,
    from: QueueOffset,
    read: &mut dyn FnMut(QueueOffset, Option<&Record<'_>>),
) -> Result<(), json_file::Error> {
    let mut at = from;
    while at < store.max_offset(queue) {
        let bytes = store.message(queue, at).map_err(|source| {
            let path = store.config().root.join("consumequeue").join(queue.topic());
            json_file::Error::Io { path, source }
        })?;
        let record = bytes.as_deref().and_then(|bytes| Record::read(bytes).ok());
        read(at, record.as_ref().map(|(record, _)| record));
        at = at + 1;
    }
    Ok(())
}

fn half_of(config: &BrokerConfig, record: &Record<'_>) -> Half {
    let asked = record.property(properties::TRANSACTION_CHECK_TIMES).and_then(|times| times.parse().ok());
    Half {
        place: PhysicalOffset(record.physical_offset),
        ask_at: record.store_timestamp.saturating_add(wait_ms(config, record.properties)),
        asked: asked.unwrap_or(0),
    }
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
