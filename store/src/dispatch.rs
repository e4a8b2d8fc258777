//! Bringing ConsumeQueues to their files, and checkpoints that say up to where that is done.
//!
//! One thread. A checkpoint is written only after everything it claims was synced: the log, the queue files, then the
//! checkpoint itself. So it may say too little after a crash, never too much.

use crate::PhysicalOffset;
use crate::checkpoint::QueueDigest;
use crate::consume_queue::ConsumeQueue;
use crate::sys;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files that are synced one by one; with more it is cheaper to sync the file system.
const SYNC_ONE_BY_ONE: usize = 64;

/// Entries of a queue in use that stay in memory after they were written.
const KEEP: usize = 1024;
/// Those of all queues together: 10 MiB.
const KEEP_ALL: usize = 512 * KEEP;

/// Queues whose tails wait to be written. The append adds, the writer thread takes.
#[derive(Debug, Default)]
pub(crate) struct DirtyQueues {
    queues: Mutex<Vec<Arc<ConsumeQueue>>>,
}

impl DirtyQueues {
    pub(crate) fn add(&self, queue: Arc<ConsumeQueue>) {
        self.queues.lock().push(queue);
    }

    pub(crate) fn len(&self) -> usize {
        self.queues.lock().len()
    }

    /// Writes what lies below `end` in the log. Queues that are not done are on the list again.
    pub(crate) fn write(&self, end: PhysicalOffset, unsynced: &mut Unsynced) -> io::Result<()> {
        let queues = std::mem::take(&mut *self.queues.lock());
        let keep = KEEP.min(KEEP_ALL / queues.len().max(1));
        let mut result = Ok(());
        for queue in queues {
            let again = match queue.write_tail(end, keep, &mut |path, file| unsynced.add(path, file)) {
                Ok(again) => again,
                Err(error) => {
                    // Its entries stay in memory; the next round tries again.
                    result = Err(error);
                    true
                }
            };
            if again && queue.mark_dirty() {
                self.add(queue);
            }
        }
        result
    }
}

/// Whether tails are worth a write before a checkpoint asks for it. Where queues are many, each has few new entries, and most of the
/// work is to open its file.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    seen: i64,
    written: i64,
}

impl Pace {
    /// Entries for each file, on the average, with which opening it is a small part of the work.
    const MANY: usize = 64;

    /// `entries`: all that there ever were. With nothing new since the last look there is nothing better to do.
    pub(crate) fn is_worth_a_write(&mut self, entries: i64, queues: usize) -> bool {
        let is_quiet = entries == self.seen;
        self.seen = entries;
        // There may be fewer than before: their topics are deleted.
        let new = usize::try_from(entries - self.written).unwrap_or(0);
        is_quiet || new >= Self::MANY * queues
    }

    /// As many were there when they were written, for whatever reason.
    pub(crate) fn wrote(&mut self, entries: i64) {
        self.written = entries;
    }
}

/// Files written since the last sync.
#[derive(Debug)]
pub(crate) enum Unsynced {
    Few(HashMap<PathBuf, Arc<File>>),
    /// More than are synced one by one. They are not kept open: there may be more queues than a process may have files.
    Many,
}

impl Default for Unsynced {
    fn default() -> Self {
        Self::Few(HashMap::new())
    }
}

impl Unsynced {
    fn add(&mut self, path: PathBuf, file: Arc<File>) {
        let Self::Few(files) = self else { return };
        files.insert(path, file);
        if files.len() > SYNC_ONE_BY_ONE {
            *self = Self::Many;
        }
    }

    /// Syncs them and, because they may be new, their folders up to `root`.
    ///
    /// # Errors
    /// What was written since the last time may not be on the disk, and no later sync says so: no checkpoint may claim it.
    pub(crate) fn sync(&mut self, root: &Path) -> io::Result<()> {
        match self {
            Self::Many => rustix::fs::syncfs(File::open(root)?)?,
            Self::Few(files) => {
                let mut dirs = BTreeSet::new();
                for (path, file) in files {
                    file.sync_data()?;
                    dirs.extend(
                        path.ancestors().skip(1).take_while(|dir| dir.starts_with(root)).map(Path::to_owned),
                    );
                }
                for dir in dirs {
                    match sys::sync_dir(&dir) {
                        // Its topic was deleted meanwhile.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        result => result?,
                    }
                }
            }
        }
        *self = Self::default();
        Ok(())
    }
}

/// What the log held at one moment, taken under the append lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) end: PhysicalOffset,
    pub(crate) queues: QueueDigest,
    pub(crate) timestamp: i64,
    pub(crate) last: PhysicalOffset,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_queues_with_few_entries_each_wait_for_a_checkpoint_or_a_quiet_moment() {
        let mut pace = Pace::default();
        assert!(pace.is_worth_a_write(100, 1));
        pace.wrote(100);
        assert!(!pace.is_worth_a_write(1_100, 1_000), "one entry for each file");
        assert!(pace.is_worth_a_write(1_100, 1_000), "nothing came since");
        pace.wrote(1_100);
        assert!(!pace.is_worth_a_write(30_000, 1_000));
        assert!(pace.is_worth_a_write(70_000, 1_000), "enough came together");
        assert!(pace.is_worth_a_write(71_000, 1_000), "and was not written: an error");
        // A checkpoint took them along.
        pace.wrote(71_000);
        assert!(!pace.is_worth_a_write(72_000, 1_000));
        assert!(!pace.is_worth_a_write(10, 1_000), "a topic was deleted");
        assert!(pace.is_worth_a_write(10, 1_000));
    }

    #[test]
    fn files_that_wait_to_be_synced_are_not_all_open() {
        let dir = tempfile::tempdir().unwrap();
        let mut unsynced = Unsynced::default();
        let file = |n: usize| {
            let path = dir.path().join(n.to_string());
            (path.clone(), Arc::new(File::create(path).unwrap()))
        };
        let all: Vec<_> = (0..=SYNC_ONE_BY_ONE).map(file).collect();
        for (path, file) in &all {
            unsynced.add(path.clone(), Arc::clone(file));
        }
        assert!(all.iter().all(|(_, file)| Arc::strong_count(file) == 1));
        unsynced.sync(dir.path()).unwrap();
        assert!(matches!(unsynced, Unsynced::Few(files) if files.is_empty()));
    }
}
