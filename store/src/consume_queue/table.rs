//! All queues there are.

use super::files::QueueFiles;
use super::{ConsumeQueue, FileCache};
use crate::checkpoint::QueueDigest;
use crate::sys;
use parking_lot::RwLock;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

type ById = BTreeMap<i32, Arc<ConsumeQueue>>;

/// Queues by topic and id.
#[derive(Debug)]
pub(crate) struct QueueTable {
    dir: PathBuf,
    entries_per_file: u32,
    cache: Arc<FileCache>,
    topics: RwLock<HashMap<Box<str>, ById>>,
}

impl QueueTable {
    pub(crate) fn new(dir: PathBuf, entries_per_file: u32) -> Self {
        Self { dir, entries_per_file, cache: Arc::default(), topics: RwLock::default() }
    }

    /// Finds the queues whose files exist.
    pub(crate) fn scan(&self) -> io::Result<()> {
        let numbered =
            |path: &Path| path.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse::<i32>().ok());
        for topic in list(&self.dir)? {
            let Some(name) = topic.file_name().and_then(|name| name.to_str()) else { continue };
            for id in list(&topic)?.iter().filter_map(|path| numbered(path)) {
                self.get_or_create(name, id);
            }
        }
        Ok(())
    }

    pub(crate) fn get(&self, topic: &str, id: i32) -> Option<Arc<ConsumeQueue>> {
        self.topics.read().get(topic)?.get(&id).cloned()
    }

    /// The queue, made when it is new. Names were checked before they came here: they become folders.
    pub(crate) fn get_or_create(&self, topic: &str, id: i32) -> Arc<ConsumeQueue> {
        if let Some(queue) = self.get(topic, id) {
            return queue;
        }
        let mut topics = self.topics.write();
        let queues = topics.entry(topic.into()).or_default();
        Arc::clone(queues.entry(id).or_insert_with(|| {
            let dir = self.dir.join(topic).join(id.to_string());
            Arc::new(ConsumeQueue::new(
                topic,
                id,
                QueueFiles::new(dir, self.entries_per_file, Arc::clone(&self.cache)),
            ))
        }))
    }

    pub(crate) fn all(&self) -> Vec<Arc<ConsumeQueue>> {
        self.topics.read().values().flat_map(|queues| queues.values().cloned()).collect()
    }

    pub(crate) fn topic(&self, topic: &str) -> Vec<Arc<ConsumeQueue>> {
        self.topics.read().get(topic).map(|queues| queues.values().cloned().collect()).unwrap_or_default()
    }

    /// Takes a topic's queues out of the table; their files are still there.
    pub(crate) fn remove(&self, topic: &str) -> Vec<Arc<ConsumeQueue>> {
        self.topics.write().remove(topic).map(|queues| queues.into_values().collect()).unwrap_or_default()
    }

    /// Deletes what is left of a topic's folder, durably.
    pub(crate) fn remove_dir(&self, topic: &str) -> io::Result<()> {
        match fs::remove_dir(self.dir.join(topic)) {
            Ok(()) => sys::sync_dir(&self.dir),
            // Another topic of that name was made meanwhile.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn digest(&self) -> QueueDigest {
        let topics = self.topics.read();
        topics.values().flat_map(BTreeMap::values).fold(QueueDigest::default(), |sum, queue| {
            let next = queue.next_offset().0;
            QueueDigest { count: sum.count + i64::from(next > 0), entries: sum.entries + next }
        })
    }
}

fn list(dir: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(dir) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}
