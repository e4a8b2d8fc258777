//! How far each group has consumed each queue (Apache: `ConsumerOffsetManager`, `consumerOffset.json`).

use crate::json_file;
use gantry_remoting::body::DataVersion;
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// The file's form: `topic@group` to queue to offset.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OffsetFile {
    data_version: DataVersion,
    offset_table: BTreeMap<String, BTreeMap<i32, i64>>,
}

type Queues = BTreeMap<i32, i64>;
/// Group, topic, queue.
type Place = (Box<str>, Box<str>, i32);
type Topics = HashMap<Box<str>, Queues>;

/// Offsets by group, topic and queue.
#[derive(Debug)]
pub(crate) struct ConsumerOffsets {
    path: PathBuf,
    groups: RwLock<HashMap<Box<str>, Topics>>,
    /// Locked by whoever saves.
    version: Mutex<DataVersion>,
    changed: AtomicBool,
    /// Resets that the group's next pull is told of.
    pending: RwLock<HashMap<Place, i64>>,
    any_pending: AtomicBool,
}

impl ConsumerOffsets {
    pub(crate) fn load(config_dir: &Path) -> Result<Self, json_file::Error> {
        let path = config_dir.join("consumerOffset.json");
        let file: OffsetFile = json_file::load(&path)?;
        let mut groups: HashMap<Box<str>, Topics> = HashMap::new();
        let mut bad = Vec::new();
        for (key, queues) in file.offset_table {
            match key.split_once('@') {
                Some((topic, group)) => {
                    groups.entry(group.into()).or_default().insert(topic.into(), queues);
                }
                None => bad.push(key),
            }
        }
        json_file::keep_entries(&path, &bad);
        Ok(Self {
            path,
            groups: RwLock::new(groups),
            version: Mutex::new(file.data_version),
            changed: AtomicBool::new(false),
            pending: RwLock::default(),
            any_pending: AtomicBool::new(false),
        })
    }

    pub(crate) fn get(&self, group: &str, topic: &str, queue: i32) -> Option<i64> {
        self.groups.read().get(group)?.get(topic)?.get(&queue).copied()
    }

    /// Sets an offset, also to a smaller one: that is how a group is reset.
    pub(crate) fn commit(&self, group: &str, topic: &str, queue: i32, offset: i64) {
        let mut groups = self.groups.write();
        // Without an allocation when it is known, which is nearly always.
        match groups.get_mut(group).and_then(|topics| topics.get_mut(topic)) {
            Some(queues) => drop(queues.insert(queue, offset)),
            None => drop(
                groups
                    .entry(group.into())
                    .or_default()
                    .entry(topic.into())
                    .or_default()
                    .insert(queue, offset),
            ),
        }
        drop(groups);
        self.changed.store(true, Ordering::Release);
    }

    /// Brings a group forward to an offset, if it is before it.
    pub(crate) fn raise(&self, group: &str, topic: &str, queue: i32, offset: i64) {
        if self.get(group, topic, queue).unwrap_or(0) < offset {
            self.commit(group, topic, queue, offset);
        }
    }

    /// True when the group has an offset of any queue of the topic.
    pub(crate) fn knows(&self, group: &str, topic: &str) -> bool {
        self.groups.read().get(group).is_some_and(|topics| topics.contains_key(topic))
    }

    /// Moves a group and remembers to tell it.
    pub(crate) fn reset(&self, group: &str, topic: &str, queue: i32, offset: i64) {
        let mut pending = self.pending.write();
        pending.insert((group.into(), topic.into(), queue), offset);
        self.any_pending.store(true, Ordering::Release);
        self.commit(group, topic, queue, offset);
    }

    /// Where the group has to move, asked once. One load while nobody was reset.
    pub(crate) fn take_reset(&self, group: &str, topic: &str, queue: i32) -> Option<i64> {
        if !self.any_pending.load(Ordering::Acquire) {
            return None;
        }
        let mut pending = self.pending.write();
        let offset = pending.remove(&(group.into(), topic.into(), queue));
        self.any_pending.store(!pending.is_empty(), Ordering::Release);
        offset
    }

    /// True while the group was not told of a reset: what it commits now comes from before.
    pub(crate) fn has_reset(&self, group: &str, topic: &str, queue: i32) -> bool {
        self.any_pending.load(Ordering::Acquire)
            && self.pending.read().contains_key(&(group.into(), topic.into(), queue))
    }

    /// Topics that a group has offsets of.
    pub(crate) fn topics_of(&self, group: &str) -> Vec<String> {
        let groups = self.groups.read();
        groups.get(group).map(|topics| topics.keys().map(|t| t.to_string()).collect()).unwrap_or_default()
    }

    /// Groups that have offsets of a topic.
    pub(crate) fn groups_of(&self, topic: &str) -> Vec<String> {
        let groups = self.groups.read();
        groups
            .iter()
            .filter(|(_, topics)| topics.contains_key(topic))
            .map(|(group, _)| group.to_string())
            .collect()
    }

    /// Each group with each topic that it has offsets of.
    pub(crate) fn all(&self) -> Vec<(Box<str>, Box<str>)> {
        let groups = self.groups.read();
        let pairs = groups
            .iter()
            .flat_map(|(group, topics)| topics.keys().map(|topic| (group.clone(), topic.clone())));
        pairs.collect()
    }

    pub(crate) fn remove_topic(&self, topic: &str) {
        let mut groups = self.groups.write();
        groups.values_mut().for_each(|topics| drop(topics.remove(topic)));
        groups.retain(|_, topics| !topics.is_empty());
        self.changed.store(true, Ordering::Release);
    }

    pub(crate) fn remove_group(&self, group: &str) {
        self.groups.write().remove(group);
        self.changed.store(true, Ordering::Release);
    }

    /// Writes the file when something changed since the last time. `make_safe` has the log on the disk before: what groups were
    /// given by POP, and what became of ledgers' entries, is found from here on only.
    pub(crate) fn save(&self, make_safe: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        // Whoever else saves the same has done so when this is given, or has failed and leaves it to this one.
        let mut version = self.version.lock();
        if !self.changed.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        *version = version.next();
        let mut file = OffsetFile { data_version: *version, offset_table: BTreeMap::new() };
        for (group, topics) in &*self.groups.read() {
            for (topic, queues) in topics {
                file.offset_table.insert(format!("{topic}@{group}"), queues.clone());
            }
        }
        let saved = make_safe().and_then(|()| json_file::save(&self.path, &file));
        saved.inspect_err(|_| self.changed.store(true, Ordering::Release))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_save_that_has_nothing_to_do_waits_for_the_one_that_does_it() {
        let dir = tempfile::tempdir().unwrap();
        let offsets = ConsumerOffsets::load(dir.path()).unwrap();
        offsets.commit("g", "T", 0, 10);
        let (begun, has_begun) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let slow = scope.spawn(|| {
                offsets.save(|| {
                    begun.send(()).unwrap();
                    // So long that the other, did it not wait, would be done.
                    std::thread::sleep(std::time::Duration::from_millis(200));
                    Err(io::Error::other("the disk is gone"))
                })
            });
            has_begun.recv().unwrap();
            offsets.save(|| Ok(())).unwrap();
            assert!(dir.path().join("consumerOffset.json").exists(), "it says that they are saved");
            slow.join().unwrap().unwrap_err();
        });
    }

    #[test]
    fn offsets_survive_and_go_back() {
        let dir = tempfile::tempdir().unwrap();
        let offsets = ConsumerOffsets::load(dir.path()).unwrap();
        offsets.commit("g", "T", 0, 10);
        offsets.commit("g", "T", 0, 4);
        offsets.commit("g", "%RETRY%g", 0, 1);
        offsets.commit("h", "T", 3, 7);
        offsets.save(|| Ok(())).unwrap();
        let again = ConsumerOffsets::load(dir.path()).unwrap();
        assert_eq!(again.get("g", "T", 0), Some(4));
        assert_eq!(again.get("g", "T", 1), None);
        assert_eq!(again.get("g", "%RETRY%g", 0), Some(1));
        let mut groups = again.groups_of("T");
        groups.sort();
        assert_eq!(groups, ["g", "h"]);
        again.remove_topic("T");
        assert_eq!(again.get("h", "T", 3), None);
    }
}
