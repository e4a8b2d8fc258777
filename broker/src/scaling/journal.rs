//! Where scales are on record: messages of a system topic in the CommitLog, and `scales.json`, which says what they come to
//! and up to which of them. The file follows the records, never the other way round: it is written only after the records in
//! it are on the disk, and what it lacks is read from the log at the start. So records may expire with their log file.

use crate::broker::Broker;
use crate::clock::now_ms;
use crate::damage::{self, Damage, Found};
use crate::faults;
use crate::json_file;
use crate::topics::Topic;
use gantry_message::{QueueOffset, Record as Message, name, properties};
use gantry_remoting::ResponseCode;
use gantry_remoting::reply::Refusal;
use gantry_scaling::{Event, Record, TopicScaling};
use gantry_store::{AppendError, Appended, ConsumeQueue, NewMessage, PhysicalOffset, Store};
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `scales.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ScalesFile {
    /// The first record that is not in it.
    next_offset: QueueOffset,
    topics: BTreeMap<String, TopicScaling>,
}

/// The records of scales.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    written: Mutex<Written>,
}

/// How far the journal is. Locked while something changes, so that states change in the order of their records.
#[derive(Debug)]
struct Written {
    next_offset: QueueOffset,
    /// The log has to be on the disk up to here before the file may tell of it.
    end: PhysicalOffset,
    unsaved: bool,
}

/// The right to change scales, one at a time.
pub(crate) struct Changing<'a>(MutexGuard<'a, Written>);

impl Journal {
    /// What is on record of each topic, and the journal to go on with.
    pub(crate) fn load(
        config_dir: &Path,
        store: &Store,
        damage: &Damage,
    ) -> Result<(Self, BTreeMap<String, TopicScaling>), json_file::Error> {
        let path = config_dir.join("scales.json");
        let mut file: ScalesFile = json_file::load(&path)?;
        let queue = store.queue(name::SCALING_TOPIC, 0);
        // A log that lost its end to a power cut is shorter than what was saved, and what comes there now is not in the file.
        let mut next = file.next_offset.min(store.max_offset(&queue)).max(queue.min_offset());
        let unsaved = next != file.next_offset || next < store.max_offset(&queue);
        while next < store.max_offset(&queue) {
            match read(store, &queue, next) {
                Ok(Some(record)) => file.topics.entry(record.topic).or_default().apply(&record.event),
                Ok(None) => tracing::warn!(
                    offset = %next,
                    "a record of a scale is not in the log any more, and was never saved: gates may be missing"
                ),
                Err(why) => damage.found(
                    queue.topic(),
                    0,
                    next,
                    why,
                    "gates may be missing, unless it is of a newer version of Gantry",
                ),
            }
            next = next + 1;
        }
        file.topics.retain(|_, state| !state.is_empty());
        let written = Written { next_offset: next, end: store.readable_end(), unsaved };
        Ok((Self { path, written: Mutex::new(written) }, file.topics))
    }

    /// Waits until nobody else changes scales.
    pub(crate) fn changing(&self) -> Changing<'_> {
        Changing(self.written.lock())
    }

    /// Writes the file when something changed and is on the disk.
    pub(crate) fn save(&self, broker: &Broker) -> io::Result<()> {
        let file = {
            let mut written = self.written.lock();
            if !written.unsaved || broker.store.durable_end() < written.end {
                return Ok(());
            }
            written.unsaved = false;
            let state = |topic: Arc<Topic>| Some((topic.name().to_owned(), (*topic.scales.now()?).clone()));
            let topics = broker.topics.scaled().into_iter().filter_map(state).collect();
            ScalesFile { next_offset: written.next_offset, topics }
        };
        faults::point("before scales.json");
        json_file::save(&self.path, &file).inspect_err(|_| self.written.lock().unsaved = true)
    }
}

/// Waits until what is on record is on the disk.
pub(crate) fn flush(broker: &Broker) -> Result<(), Refusal> {
    let failed = |error| {
        let text = format!("the change is on record, but not on the disk: {error}");
        Refusal::new(ResponseCode::SERVICE_NOT_AVAILABLE, text)
    };
    broker.store.flush().map_err(failed)
}

fn read(store: &Store, queue: &ConsumeQueue, offset: QueueOffset) -> Result<Option<Record>, String> {
    let bytes = match damage::read(store, queue, offset).map_err(|error| error.to_string())? {
        Found::Record(bytes) => bytes,
        Found::Gone => return Ok(None),
        Found::Damaged(why) => return Err(why),
    };
    let (message, _) = Message::read(&bytes).map_err(|error| error.to_string())?;
    Record::from_bytes(message.body).map(Some).map_err(|error| error.to_string())
}

impl Changing<'_> {
    /// Puts on record what happens to a topic, and has it happen. Gives the end of the record in the log.
    pub(super) fn record(
        &mut self,
        broker: &Broker,
        topic: &Topic,
        event: &Event,
    ) -> Result<PhysicalOffset, Refusal> {
        let record = Record { topic: topic.name().to_owned(), event: event.clone() };
        let (queue, keys) = (self.queue(broker), keys(topic.name()));
        faults::point("before a record");
        let appended =
            broker.store.append(&queue, &NewMessage::own(now_ms(), &record.to_bytes(), &keys), None);
        let end = self.noted(broker, appended)?;
        faults::point("after a record");
        topic.scales.apply(event);
        Ok(end)
    }

    /// The same, and it is on the disk before anything else is that follows from it.
    pub(super) fn record_safely(
        &mut self,
        broker: &Broker,
        topic: &Topic,
        event: &Event,
    ) -> Result<(), Refusal> {
        self.record(broker, topic, event)?;
        flush(broker)
    }

    /// The same for what depends on where queues end: nothing is appended between that and the event.
    pub(super) fn record_at_ends(
        &mut self,
        broker: &Broker,
        topic: &Topic,
        queues: &[Arc<ConsumeQueue>],
        event: impl Fn(&[QueueOffset]) -> Event,
    ) -> Result<PhysicalOffset, Refusal> {
        let (queue, keys) = (self.queue(broker), keys(topic.name()));
        let body =
            |ends: &[QueueOffset]| Record { topic: topic.name().to_owned(), event: event(ends) }.to_bytes();
        let then = |ends: &[QueueOffset]| topic.scales.apply(&event(ends));
        faults::point("before a flip");
        let appended =
            broker.store.append_at_ends(&queue, &NewMessage::own(now_ms(), &[], &keys), queues, body, then);
        faults::point("after a flip");
        self.noted(broker, appended)
    }

    pub(super) fn forget_expired(&mut self, topic: &Topic, first: impl Fn(i32) -> QueueOffset) {
        self.0.unsaved |= topic.scales.forget_expired(first);
    }

    fn queue(&self, broker: &Broker) -> Arc<ConsumeQueue> {
        broker.store.queue(name::SCALING_TOPIC, 0)
    }

    fn noted(
        &mut self,
        broker: &Broker,
        appended: Result<Appended, AppendError>,
    ) -> Result<PhysicalOffset, Refusal> {
        let appended = appended.map_err(|error| {
            let text = format!("the change cannot be put on record: {error}");
            Refusal::new(ResponseCode::SERVICE_NOT_AVAILABLE, text)
        })?;
        self.0.next_offset = appended.queue_offset + 1;
        self.0.end = appended.end;
        self.0.unsaved = true;
        broker.store.flush_soon();
        Ok(appended.end)
    }
}

/// The topic as the record's key: by it `mqadmin queryMsgByKey` finds a topic's scales.
fn keys(topic: &str) -> String {
    let mut text = String::new();
    properties::push(&mut text, properties::KEYS, topic);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_store::StoreConfig;

    fn record(store: &Store, topic: &str) {
        let record = Record { topic: topic.to_owned(), event: Event::TopicDeleted };
        let queue = store.queue(name::SCALING_TOPIC, 0);
        store.append(&queue, &NewMessage::own(0, &record.to_bytes(), ""), None).unwrap();
    }

    fn next(dir: &Path, store: &Store, damage: &Damage) -> (QueueOffset, bool) {
        let (journal, _) = Journal::load(dir, store, damage).unwrap();
        let written = journal.written.lock();
        (written.next_offset, written.unsaved)
    }

    #[test]
    fn what_comes_where_a_lost_end_was_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig { file_size: 65_536, ..StoreConfig::new(dir.path()) }).unwrap();
        std::fs::write(dir.path().join("scales.json"), "{\"nextOffset\":5}").unwrap();
        record(&store, "T");
        let damage = Damage::default();
        assert_eq!(next(dir.path(), &store, &damage), (QueueOffset(1), true), "the file will say so");
        std::fs::write(dir.path().join("scales.json"), "{\"nextOffset\":1}").unwrap();
        assert_eq!(next(dir.path(), &store, &damage), (QueueOffset(1), false));
        record(&store, "T");
        assert_eq!(next(dir.path(), &store, &damage), (QueueOffset(2), true));
        assert_eq!(damage.count(), 0);
    }

    #[test]
    fn a_damaged_record_is_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig { file_size: 65_536, ..StoreConfig::new(dir.path()) }).unwrap();
        record(&store, "this-one");
        record(&store, "the-next");
        damage::damage(&store, "this-one");
        let damage = Damage::default();
        assert_eq!(next(dir.path(), &store, &damage).0, QueueOffset(2));
        assert_eq!(damage.count(), 1);
    }
}
