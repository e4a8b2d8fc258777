//! Delayed messages: each level's queue of the schedule topic is delivered in order, when its first message is due
//! (Apache: `ScheduleMessageService`, `delayOffset.json`).
//!
//! A message is delivered, then the level's place is moved on: a crash in between delivers it twice, never not at all.

use crate::broker::{Broker, now_ms};
use crate::json_file;
use crate::processor;
use gantry_message::{Record, name, properties};
use gantry_remoting::body::DataVersion;
use gantry_store::{ConsumeQueue, NewMessage, QueueOffset};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    pub(crate) fn load(config_dir: &Path) -> Result<Self, json_file::Error> {
        let path = config_dir.join("delayOffset.json");
        let file = json_file::load(&path)?;
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

    pub(crate) fn save(&self) -> io::Result<()> {
        if !std::mem::take(&mut *self.changed.lock()) {
            return Ok(());
        }
        let file = {
            let mut file = self.file.lock();
            file.data_version = file.data_version.next();
            file.clone()
        };
        json_file::save(&self.path, &file).inspect_err(|_| *self.changed.lock() = true)
    }

    /// A thread's work, until the broker stops.
    pub(crate) fn run(broker: &Broker) {
        let this = &broker.delays;
        loop {
            let mut more = false;
            for level in 1..=broker.delay_levels.highest() {
                more |= this.deliver_level(broker, level);
            }
            let is_over = if more { broker.stop.is_set() } else { broker.stop.wait(TICK) };
            if is_over {
                return;
            }
        }
    }

    /// Delivers what is due of one level; true when there is more right now.
    fn deliver_level(&self, broker: &Broker, level: i32) -> bool {
        let Some(queue) = broker.store.existing_queue(name::SCHEDULE_TOPIC, level - 1) else { return false };
        let mut offset = self.offset(level).clamp(queue.min_offset().0, broker.store.max_offset(&queue).0);
        for _ in 0..TURN {
            if broker.stop.is_set() {
                return false;
            }
            match self.deliver(broker, level, &queue, QueueOffset(offset)) {
                Ok(Delivered::Done) => {
                    offset += 1;
                    self.advance(level, offset);
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
    ) -> Result<Delivered, String> {
        if offset >= broker.store.max_offset(queue) {
            return Ok(Delivered::NotDue);
        }
        let entry = broker.store.entry(queue, offset).map_err(|error| error.to_string())?;
        let Some(entry) = entry else { return Ok(Delivered::Done) };
        let now = now_ms();
        // A clock that was set back must not make a message wait for longer than its level.
        let latest = broker.delay_levels.delay(level).map_or(now, |delay| now + delay.as_millis() as i64);
        if entry.tag_code.min(latest) > now {
            return Ok(Delivered::NotDue);
        }
        let Some(bytes) = broker.store.read_at(entry.physical_offset) else { return Ok(Delivered::Done) };
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
        let message = NewMessage::again(&record);
        processor::append(broker, &topic, queue_id, &message).map_err(|refusal| refusal.remark)?;
        Ok(Delivered::Done)
    }
}

enum Delivered {
    Done,
    NotDue,
}
