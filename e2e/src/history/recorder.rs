//! Writing a history while it happens.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::{Event, MessageId, What};

/// Shared by all clients of a scenario.
#[derive(Debug)]
pub struct Recorder {
    start: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: BufWriter<File>,
    next: u64,
}

impl Recorder {
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
        let state = State { file: BufWriter::new(file), next: 0 };
        Ok(Self { start: Instant::now(), state: Mutex::new(state) })
    }

    /// # Panics
    /// When the file cannot be written: a history with a hole judges nothing.
    pub fn record(&self, what: What) {
        self.write(&mut self.lock(), what);
    }

    /// The next message's number, on record with what `send` makes of it.
    pub fn send(&self, send: impl FnOnce(MessageId) -> What) -> MessageId {
        let mut state = self.lock();
        let id = MessageId(state.next);
        state.next += 1;
        self.write(&mut state, send(id));
        id
    }

    /// # Panics
    /// As [`Self::record`].
    pub fn flush(&self) {
        self.lock().file.flush().expect("the history can be written");
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no one panics while holding it")
    }

    /// The time is taken under the lock: lines are in its order.
    fn write(&self, state: &mut State, what: What) {
        let at = u64::try_from(self.start.elapsed().as_nanos()).expect("a history takes no centuries");
        serde_json::to_writer(&mut state.file, &Event { at, what }).expect("the history can be written");
        state.file.write_all(b"\n").expect("the history can be written");
    }
}
