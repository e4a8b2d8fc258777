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

/// Queues whose tails wait to be written. The append adds, the writer thread takes.
#[derive(Debug, Default)]
pub(crate) struct DirtyQueues {
    queues: Mutex<Vec<Arc<ConsumeQueue>>>,
}

impl DirtyQueues {
    pub(crate) fn add(&self, queue: Arc<ConsumeQueue>) {
        self.queues.lock().push(queue);
    }

    /// Writes what lies below `end` in the log. Queues that are not done are on the list again.
    pub(crate) fn write(&self, end: PhysicalOffset, unsynced: &mut Unsynced) -> io::Result<()> {
        let queues = std::mem::take(&mut *self.queues.lock());
        let mut result = Ok(());
        for queue in queues {
            let again = match queue.write_tail(end, &mut |path, file| unsynced.add(path, file)) {
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

/// Files written since the last sync.
#[derive(Debug, Default)]
pub(crate) struct Unsynced {
    files: HashMap<PathBuf, Arc<File>>,
}

impl Unsynced {
    fn add(&mut self, path: PathBuf, file: Arc<File>) {
        self.files.insert(path, file);
    }

    /// Syncs them and, because they may be new, their folders up to `root`.
    pub(crate) fn sync(&mut self, root: &Path) -> io::Result<()> {
        if self.files.len() > SYNC_ONE_BY_ONE {
            rustix::fs::syncfs(File::open(root)?)?;
        } else {
            let mut dirs = BTreeSet::new();
            for (path, file) in &self.files {
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
        self.files.clear();
        Ok(())
    }
}

/// What the log held at one moment, taken under the append lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) end: PhysicalOffset,
    pub(crate) queues: QueueDigest,
    pub(crate) timestamp: i64,
}
