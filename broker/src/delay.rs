//! Delayed messages: each level's queue of the schedule topic is delivered in order, when its first message is due
//! (Apache: `ScheduleMessageService`, `delayOffset.json`).
//!
//! A message and the mark that says how far its level is then are one append, so a crash has it delivered once. A start reads the
//! last mark of each level. `delayOffset.json` follows, for Apache's broker, and for marks that are older than messages are kept.

mod waited;

use crate::broker::Broker;
use crate::clock::now_ms;
use crate::damage::{self, Damage, Found};
use crate::faults::step;
use crate::json_file;
use crate::processor;
use gantry_message::{Record, name, properties};
use gantry_remoting::body::DataVersion;
use gantry_store::{AppendError, Appended, ConsumeQueue, NewMessage, QueueOffset, Store, Turn};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use waited::Waited;

/// How exact delivery is.
const TICK: Duration = Duration::from_millis(100);
/// Messages of one level delivered before the next level gets its turn.
const TURN: usize = 1000;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DelayFile {
    data_version: DataVersion,
    offset_table: BTreeMap<i32, i64>,
}

/// Where each level stands.
#[derive(Debug)]
pub(crate) struct Delays {
    path: PathBuf,
    file: Mutex<DelayFile>,
    changed: Mutex<bool>,
}

impl Delays {
    pub(crate) fn load(config_dir: &Path, store: &Store, damage: &Damage) -> Result<Self, json_file::Error> {
        let path = config_dir.join("delayOffset.json");
        let mut file: DelayFile = json_file::load(&path)?;
        for level in 1..=store.config().delay_levels.highest() {
            let Some(queue) = store.existing_queue(name::SCHEDULE_TOPIC, level - 1) else {
                file.offset_table.remove(&level);
                continue;
            };
            let said = file.offset_table.get(&level).copied().unwrap_or(0);
            let marked = last_mark(store, level, damage).map_err(|source| json_file::Error::Io {
                path: store.config().root.join("consumequeue").join(name::DELAY_MARKS_TOPIC),
                source,
            })?;
            // Apache's broker may have delivered more since the mark. A log that lost its end to a power cut is shorter than what
            // was said, and what comes there now was not delivered.
            let offset = said.max(marked).min(store.max_offset(&queue).0).max(queue.min_offset().0);
            file.offset_table.insert(level, offset);
        }
        Ok(Self { path, file: Mutex::new(file), changed: Mutex::new(false) })
    }

    /// The offset of the next message that a level delivers.
    pub(crate) fn offset(&self, level: i32) -> i64 {
        self.file.lock().offset_table.get(&level).copied().unwrap_or(0)
    }

    fn advance(&self, level: i32, offset: i64) {
        self.file.lock().offset_table.insert(level, offset);
        *self.changed.lock() = true;
    }

    /// Writes the file when something changed since the last time. `make_safe` has the log on the disk before: what it says was
    /// delivered is not delivered again.
    pub(crate) fn save(&self, make_safe: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if !std::mem::take(&mut *self.changed.lock()) {
            return Ok(());
        }
        let file = {
            let mut file = self.file.lock();
            file.data_version = file.data_version.next();
            file.clone()
        };
        let saved = make_safe().and_then(|()| json_file::save(&self.path, &file));
        saved.inspect_err(|_| *self.changed.lock() = true)
    }

    /// A thread's work, until the broker stops.
    pub(crate) fn run(broker: &Broker) {
        let this = &broker.delays;
        let levels = 1..=broker.delay_levels.highest();
        let mut levels: Vec<_> = levels.map(|level| (level, Waited::default())).collect();
        loop {
            let mut more = false;
            for (level, waited) in &mut levels {
                more |= this.deliver_level(broker, *level, waited);
            }
            let is_over = if more { broker.stop.is_set() } else { broker.stop.wait(TICK) };
            if is_over {
                return;
            }
        }
    }

    /// Delivers what is due of one level; true when there is more right now.
    fn deliver_level(&self, broker: &Broker, level: i32, waited: &mut Waited) -> bool {
        let Some(queue) = broker.store.existing_queue(name::SCHEDULE_TOPIC, level - 1) else { return false };
        let mut offset = self.offset(level).max(queue.min_offset().0);
        let delay = broker.delay_levels.delay(level).unwrap_or_default();
        waited.look(Instant::now(), QueueOffset(offset), broker.store.max_offset(&queue), delay);
        // A clock that was set back makes no message wait for longer than its level.
        let has_waited = |offset| waited.is_over(Instant::now(), offset, delay);
        for _ in 0..TURN {
            if broker.stop.is_set() {
                return false;
            }
            match self.deliver(broker, level, &queue, QueueOffset(offset), has_waited) {
                Ok(Delivered::Done) => {
                    offset += 1;
                    self.advance(level, offset);
                    step("delay: moved on");
                }
                Ok(Delivered::NotDue) => return false,
                Err(error) => {
                    tracing::warn!(
                        level,
                        offset,
                        error,
                        "a delayed message cannot be delivered now: trying again"
                    );
                    return false;
                }
            }
        }
        true
    }

    fn deliver(
        &self,
        broker: &Broker,
        level: i32,
        queue: &ConsumeQueue,
        offset: QueueOffset,
        has_waited: impl Fn(QueueOffset) -> bool,
    ) -> Result<Delivered, String> {
        if offset >= broker.store.max_offset(queue) {
            return Ok(Delivered::NotDue);
        }
        let entry = broker.store.entry(queue, offset).map_err(|error| error.to_string())?;
        let Some(entry) = entry else { return Ok(Delivered::Done) };
        let now = now_ms();
        if entry.tag_code > now && !has_waited(offset) {
            return Ok(Delivered::NotDue);
        }
        let bytes = match damage::at(&broker.store, entry) {
            Found::Record(bytes) => bytes,
            Found::Gone => {
                tracing::warn!(
                    level, %offset,
                    "a delayed message waited for longer than messages are kept: dropped"
                );
                return Ok(Delivered::Done);
            }
            Found::Damaged(why) => {
                broker.damage.found(queue.topic(), queue.id(), offset, why, "it is not delivered");
                return Ok(Delivered::Done);
            }
        };
        let (record, _) = Record::read(&bytes).map_err(|error| error.to_string())?;
        let topic = record.property(properties::REAL_TOPIC).and_then(|topic| broker.topics.get(topic));
        let queue_id = record.property(properties::REAL_QUEUE_ID).and_then(|id| id.parse::<i32>().ok());
        let (Some(topic), Some(queue_id)) = (topic, queue_id.filter(|id| *id >= 0)) else {
            tracing::warn!(
                topic = record.property(properties::REAL_TOPIC),
                "a delayed message's topic is gone: dropped"
            );
            return Ok(Delivered::Done);
        };
        step("delay: due");
        let message = NewMessage::again(&record);
        let marks = broker.store.queue(name::DELAY_MARKS_TOPIC, level - 1);
        let mark = (offset + 1).to_string();
        let mark = NewMessage::own(now, mark.as_bytes(), "");
        let delivered = processor::append_with(broker, &topic, queue_id, &message, |queue, turn| {
            append_marked(&broker.store, (queue, &message), (&marks, &mark), turn)
        });
        delivered.map_err(|refusal| refusal.remark)?;
        step("delay: delivered");
        Ok(Delivered::Done)
    }
}

/// Gives the place of the message, with the end of both.
fn append_marked(
    store: &Store,
    message: (&Arc<ConsumeQueue>, &NewMessage<'_>),
    mark: (&Arc<ConsumeQueue>, &NewMessage<'_>),
    turn: Turn<'_>,
) -> Result<Appended, AppendError> {
    let mut stored = None;
    let message = (message.0, std::slice::from_ref(message.1));
    store.append_both(message, mark, Some(turn), |messages, mark| {
        stored = messages.first().map(|message| Appended { end: mark.end, ..*message });
    })?;
    stored.ok_or(AppendError::Stopped)
}

/// The offset of the next message of a level by its last mark that can be read; 0 when there is none.
fn last_mark(store: &Store, level: i32, damage: &Damage) -> io::Result<i64> {
    let Some(marks) = store.existing_queue(name::DELAY_MARKS_TOPIC, level - 1) else { return Ok(0) };
    for at in (marks.min_offset().0..store.max_offset(&marks).0).rev().map(QueueOffset) {
        match damage::read(store, &marks, at)? {
            Found::Gone => break,
            Found::Damaged(why) => {
                damage.found(marks.topic(), marks.id(), at, why, "a message may be delivered once more");
            }
            Found::Record(bytes) => {
                let record = Record::read(&bytes).ok();
                let offset =
                    record.and_then(|(record, _)| std::str::from_utf8(record.body).ok()?.parse().ok());
                return Ok(offset.unwrap_or(0));
            }
        }
    }
    Ok(0)
}

enum Delivered {
    Done,
    NotDue,
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_store::StoreConfig;
    use std::fs;

    fn store(dir: &Path) -> Store {
        Store::open(StoreConfig { file_size: 65_536, ..StoreConfig::new(dir) }).unwrap()
    }

    /// Has so many messages wait in level 1.
    fn wait(store: &Store, count: usize) {
        let queue = store.queue(name::SCHEDULE_TOPIC, 0);
        for _ in 0..count {
            store.append(&queue, &NewMessage::own(0, b"m", ""), None).unwrap();
        }
    }

    fn mark(store: &Store, offset: &str) {
        let marks = store.queue(name::DELAY_MARKS_TOPIC, 0);
        store.append(&marks, &NewMessage::own(0, offset.as_bytes(), ""), None).unwrap();
    }

    fn say(dir: &Path, offset: i64) {
        fs::write(dir.join("delayOffset.json"), format!("{{\"offsetTable\":{{1:{offset}}}}}")).unwrap();
    }

    #[test]
    fn a_level_goes_on_behind_the_last_that_was_delivered() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let offset = || Delays::load(dir.path(), &store, &Damage::default()).unwrap().offset(1);
        wait(&store, 5);
        assert_eq!(offset(), 0);
        say(dir.path(), 1);
        assert_eq!(offset(), 1, "Apache's file alone");
        mark(&store, "2");
        mark(&store, "3");
        assert_eq!(offset(), 3);
        say(dir.path(), 4);
        assert_eq!(offset(), 4, "Apache's broker went on");
    }

    #[test]
    fn what_comes_where_a_lost_end_was_is_delivered() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        say(dir.path(), 9);
        let delays = Delays::load(dir.path(), &store, &Damage::default()).unwrap();
        assert_eq!(delays.offset(1), 0, "nothing waits at all");
        wait(&store, 2);
        assert_eq!(Delays::load(dir.path(), &store, &Damage::default()).unwrap().offset(1), 2);
        assert_eq!(delays.offset(1), 0);
    }

    #[test]
    fn what_is_not_safe_is_not_said() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let delays = Delays::load(dir.path(), &store, &Damage::default()).unwrap();
        delays.advance(1, 1);
        delays.save(|| Err(io::Error::other("the disk is gone"))).unwrap_err();
        assert!(!dir.path().join("delayOffset.json").exists());
        delays.save(|| Ok(())).unwrap();
        assert!(dir.path().join("delayOffset.json").exists(), "it tries again");
    }
}
