//! What clients saw of a broker through all of its lives: one event a line, in the order of time.
//!
//! A scenario records it while it runs, a checker judges it afterwards ([`crate::checker`]); neither knows the other. Clients
//! never send again by themselves, so whatever is there twice the broker made.

mod recorder;

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

pub use recorder::Recorder;

/// A message that somebody tried to send. Numbers are dense, from 0, in the order of the sends.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub u64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Nanoseconds since the start of the history, by a clock that only goes forward.
    pub at: u64,
    pub what: What,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flush {
    Async,
    Sync,
}

/// How a life of the broker ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Death {
    /// It was asked to stop, and did.
    Stop,
    /// The process was killed, or killed itself. What it had written to files is there.
    Kill,
    /// What was not on the disk is gone.
    PowerCut,
}

/// A queue of a topic.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Place {
    pub topic: String,
    pub queue: i32,
}

/// Who reads, and when.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reader {
    /// A member of a group, while others send.
    Member { group: String, client: String },
    /// What is new, right after a start.
    AfterStart,
    /// Everything, in the end: once before a clean restart (1) and once after it (2).
    Whole { pass: u8 },
}

/// A message as it was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub offset: i64,
    pub physical: i64,
    /// What the body says it is; `None` when it says nothing that makes sense.
    pub id: Option<MessageId>,
    pub crc: u32,
    /// Milliseconds since the epoch, by the broker's clock.
    pub stored_at: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The first event: what the broker promises.
    Promise {
        /// Milliseconds since the epoch at the start of the history.
        began: i64,
        flush: Flush,
        /// What ASYNC_FLUSH may lose in a power cut, in milliseconds.
        flush_interval: u64,
        /// How far committed offsets may fall back in a crash, in milliseconds.
        offset_interval: u64,
        /// How late a message with a time of its own may come while the broker is up, in milliseconds.
        lateness: u64,
        /// From a start to the first SEND_OK, in milliseconds.
        back_within: u64,
    },
    /// A process was started.
    Started,
    /// It takes connections.
    Serving,
    /// It is gone.
    Ended {
        how: Death,
    },
    /// Something was done to it, and what shows that it was.
    Fault {
        name: String,
        witness: String,
    },

    Send {
        id: MessageId,
        /// Whose: sends of one lane go through one connection, one after the other.
        lane: u32,
        place: Place,
        crc: u32,
        /// When it is to come, in milliseconds since the epoch.
        due: Option<i64>,
        /// It is half of a transaction.
        half: bool,
    },
    /// It is safe, there.
    Acked {
        id: MessageId,
        queue: i32,
        offset: i64,
        physical: i64,
    },
    /// It is not, and will not be, in the store.
    Refused {
        id: MessageId,
        code: i64,
    },
    /// Nobody knows.
    Unknown {
        id: MessageId,
    },

    /// Records that one pull gave, from the offset that was asked for.
    Read {
        reader: Reader,
        place: Place,
        from: i64,
        records: Vec<Seen>,
    },
    /// The bounds of a queue, before it is read as a whole.
    Bounds {
        pass: u8,
        place: Place,
        min: i64,
        max: i64,
    },

    /// The broker was told, and said yes.
    Committed {
        group: String,
        place: Place,
        offset: i64,
    },
    /// The broker was asked.
    Offset {
        group: String,
        place: Place,
        offset: Option<i64>,
        max: i64,
    },
    /// It is this client's alone.
    Locked {
        group: String,
        client: String,
        place: Place,
    },
    Unlocked {
        group: String,
        client: String,
        place: Place,
    },

    /// A producer decides on its half.
    Decide {
        id: MessageId,
        commit: bool,
    },
    /// The broker has heard it.
    Decided {
        id: MessageId,
    },
    /// The broker asked what becomes of it.
    Asked {
        id: MessageId,
    },

    /// A byte of the log was changed, at that offset.
    Damaged {
        physical: i64,
    },

    /// A sync on the disk that holds everything, as the broker has to wait for, took so many milliseconds until now.
    Slow {
        ms: u64,
    },

    /// The disk was full for so many milliseconds until now: nothing could be stored.
    Full {
        ms: u64,
    },

    /// A file that is derived from the log, as it was and as it is when it is made anew.
    Derived {
        file: String,
        live: String,
        rebuilt: String,
    },
}

/// All events of a file.
///
/// # Errors
/// When it cannot be read, with the line that makes no sense.
pub fn read(path: &Path) -> Result<Vec<Event>> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let lines = BufReader::new(file).lines().enumerate();
    lines
        .map(|(n, line)| {
            let line = line.with_context(|| format!("reading {}", path.display()))?;
            serde_json::from_str(&line).with_context(|| format!("{}:{}", path.display(), n + 1))
        })
        .collect()
}
