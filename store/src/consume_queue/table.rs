//! All queues there are.

use super::by_id::ById;
use super::by_name::ByName;
use super::files::Root;
use super::{ConsumeQueue, FileCache, Home};
use crate::checkpoint::QueueDigest;
use crate::sys;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Queues by topic and id.
#[derive(Debug)]
pub(crate) struct QueueTable {
    root: Arc<Root>,
    topics: RwLock<HashMap<ByName<Home>, ById<ConsumeQueue>>>,
}

impl QueueTable {
    pub(crate) fn new(dir: PathBuf, entries_per_file: u32) -> Self {
        let root = Root { dir, entries_per_file, cache: FileCache::default() };
        Self { root: Arc::new(root), topics: RwLock::default() }
    }

    /// Finds the queues whose files exist.
    pub(crate) fn scan(&self) -> io::Result<()> {
        let numbered =
            |path: &Path| path.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse::<i32>().ok());
        for topic in list(&self.root.dir)? {
            let Some(name) = topic.file_name().and_then(|name| name.to_str()) else { continue };
            for id in list(&topic)?.iter().filter_map(|path| numbered(path)) {
                self.get_or_create(name, id);
            }
        }
        Ok(())
    }

    pub(crate) fn get(&self, topic: &str, id: i32) -> Option<Arc<ConsumeQueue>> {
        self.topics.read().get(topic)?.get(id).cloned()
    }

    /// The queue, made when it is new. Names were checked before they came here: they become folders.
    pub(crate) fn get_or_create(&self, topic: &str, id: i32) -> Arc<ConsumeQueue> {
        if let Some(queue) = self.get(topic, id) {
            return queue;
        }
        let mut topics = self.topics.write();
        let home = match topics.get_key_value(topic) {
            Some((known, _)) => Arc::clone(&known.0),
            None => Arc::new(Home { topic: topic.into(), root: Arc::clone(&self.root) }),
        };
        let queues = topics.entry(ByName(Arc::clone(&home))).or_default();
        queues.get_or_insert_with(id, || ConsumeQueue::new(home, id))
    }

    pub(crate) fn all(&self) -> Vec<Arc<ConsumeQueue>> {
        self.topics.read().values().flat_map(|queues| queues.iter().cloned()).collect()
    }

    pub(crate) fn topic(&self, topic: &str) -> Vec<Arc<ConsumeQueue>> {
        self.topics.read().get(topic).map(|queues| queues.iter().cloned().collect()).unwrap_or_default()
    }

    /// Takes a topic's queues out of the table; their files are still there.
    pub(crate) fn remove(&self, topic: &str) -> Vec<Arc<ConsumeQueue>> {
        self.topics.write().remove(topic).map(ById::into_vec).unwrap_or_default()
    }

    /// Deletes what is left of a topic's folder, durably.
    pub(crate) fn remove_dir(&self, topic: &str) -> io::Result<()> {
        match fs::remove_dir(self.root.dir.join(topic)) {
            Ok(()) => sys::sync_dir(&self.root.dir),
            // Another topic of that name was made meanwhile.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn digest(&self) -> QueueDigest {
        let topics = self.topics.read();
        topics.values().flat_map(ById::iter).fold(QueueDigest::default(), |sum, queue| {
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
