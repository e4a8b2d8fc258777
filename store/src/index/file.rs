//! One IndexFile: a hash table on disk from key to places in the log (Apache: `IndexFile`, `IndexHeader`).
//!
//! ```text
//! 0 header 40: beginTimestamp 8 | endTimestamp 8 | beginPhysical 8 | endPhysical 8 | usedSlots 4 | count 4 (from 1)
//! 40 slots, 4 bytes each: number of the newest item of the slot
//! .. items, 20 bytes each, from number 1: keyHash 4 | physical 8 | seconds since beginTimestamp 4 | previous item 4
//! ```

use crate::mapping::Mapping;
use crate::{PhysicalOffset, sys};
use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

const HEADER: usize = 40;
const SLOT: usize = 4;
const ITEM: usize = 20;
const BEGIN_TIMESTAMP: usize = 0;
const END_TIMESTAMP: usize = 8;
const BEGIN_PHYSICAL: usize = 16;
const END_PHYSICAL: usize = 24;
const USED_SLOTS: usize = 32;
const COUNT: usize = 36;

/// How many slots and items a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) slots: u32,
    pub(crate) items: u32,
}

impl Shape {
    fn file_len(self) -> usize {
        HEADER + self.slots as usize * SLOT + self.items as usize * ITEM
    }
}

/// An open IndexFile. One thread adds, any number query.
#[derive(Debug)]
pub(crate) struct IndexFile {
    path: PathBuf,
    shape: Shape,
    mapping: Mapping,
}

impl IndexFile {
    pub(crate) fn create(path: PathBuf, shape: Shape) -> io::Result<Self> {
        let file = sys::create_allocated(&path, shape.file_len() as u64)?;
        let index = Self { mapping: Mapping::new(&file, shape.file_len())?, path, shape };
        index.set_int(COUNT, 1);
        Ok(index)
    }

    /// `Ok(None)` for a file of another shape: it was made with other settings and cannot be read.
    pub(crate) fn open(path: PathBuf, shape: Shape) -> io::Result<Option<Self>> {
        let file = File::options().read(true).write(true).open(&path)?;
        if file.metadata()?.len() != shape.file_len() as u64 {
            return Ok(None);
        }
        Ok(Some(Self { mapping: Mapping::new(&file, shape.file_len())?, path, shape }))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn int(&self, at: usize) -> u32 {
        self.mapping.cell(at).map_or(0, |cell| u32::from_be(cell.load(Ordering::Acquire)))
    }

    fn set_int(&self, at: usize, value: u32) {
        if let Some(cell) = self.mapping.cell(at) {
            cell.store(value.to_be(), Ordering::Release);
        }
    }

    fn long(&self, at: usize) -> i64 {
        (u64::from(self.int(at)) << 32 | u64::from(self.int(at + 4))) as i64
    }

    fn set_long(&self, at: usize, value: i64) {
        self.set_int(at, (value as u64 >> 32) as u32);
        self.set_int(at + 4, value as u32);
    }

    /// The number that the next item gets, at most one beyond the last.
    fn count(&self) -> u32 {
        self.int(COUNT).clamp(1, self.shape.items)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count() == 1
    }

    pub(crate) fn is_full(&self) -> bool {
        self.count() >= self.shape.items
    }

    pub(crate) fn end_timestamp(&self) -> i64 {
        self.long(END_TIMESTAMP)
    }

    pub(crate) fn end_physical(&self) -> PhysicalOffset {
        PhysicalOffset(self.long(END_PHYSICAL))
    }

    fn item_at(&self, number: u32) -> usize {
        HEADER + self.shape.slots as usize * SLOT + number as usize * ITEM
    }

    fn slot_at(&self, hash: u32) -> usize {
        HEADER + (hash % self.shape.slots) as usize * SLOT
    }

    /// Adds an item. The file must not be full.
    pub(crate) fn put(&self, hash: u32, physical: PhysicalOffset, timestamp: i64) {
        let number = self.count();
        if number == 1 {
            self.set_long(BEGIN_PHYSICAL, physical.0);
            self.set_long(BEGIN_TIMESTAMP, timestamp);
        }
        let slot = self.slot_at(hash);
        let previous = Some(self.int(slot)).filter(|n| (1..number).contains(n)).unwrap_or(0);
        let seconds = (timestamp - self.long(BEGIN_TIMESTAMP)).max(0) / 1000;
        let item = self.item_at(number);
        self.set_int(item, hash);
        self.set_long(item + 4, physical.0);
        self.set_int(item + 12, seconds.min(i64::from(i32::MAX)) as u32);
        self.set_int(item + 16, previous);
        if previous == 0 {
            self.set_int(USED_SLOTS, self.int(USED_SLOTS) + 1);
        }
        // The item is whole before the slot and the count show it.
        self.set_int(slot, number);
        self.set_long(END_PHYSICAL, physical.0);
        self.set_long(END_TIMESTAMP, timestamp);
        self.set_int(COUNT, number + 1);
    }

    /// Places of the messages whose key has `hash`, newest first, stored within `times`; `visit` says when it has enough.
    pub(crate) fn query(
        &self,
        hash: u32,
        times: &RangeInclusive<i64>,
        mut visit: impl FnMut(PhysicalOffset) -> bool,
    ) {
        let begin = self.long(BEGIN_TIMESTAMP);
        let mut number = self.int(self.slot_at(hash));
        let mut below = self.count();
        // Numbers fall along a chain; one that does not is damage, and would be an endless loop.
        while number >= 1 && number < below {
            below = number;
            let item = self.item_at(number);
            // Seconds are rounded down, so the bounds are too.
            let seconds = i64::from(self.int(item + 12));
            let stored = begin.saturating_add(seconds * 1000);
            let near = stored.saturating_add(999) >= *times.start() && stored <= *times.end();
            if self.int(item) == hash && near && !visit(PhysicalOffset(self.long(item + 4))) {
                return;
            }
            number = self.int(item + 16);
        }
    }

    /// True when the file may have messages stored within `times`.
    pub(crate) fn overlaps(&self, times: &RangeInclusive<i64>) -> bool {
        !self.is_empty()
            && self.long(BEGIN_TIMESTAMP) <= *times.end()
            && self.end_timestamp().saturating_add(999) >= *times.start()
    }

    pub(crate) fn flush(&self) -> io::Result<()> {
        self.mapping.flush(0..self.mapping.len())
    }
}

/// The hash that Apache's index keeps of a key: `abs(hashCode(topic#key))`.
pub(crate) fn key_hash(topic: &str, key: &str) -> u32 {
    use gantry_message::hash::{extend, java_hash};
    let hash = extend(extend(java_hash(topic), "#"), key);
    // Java's abs of the smallest integer stays negative, and Apache makes that 0.
    hash.checked_abs().map_or(0, |hash| hash as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHAPE: Shape = Shape { slots: 7, items: 50 };

    proptest! {
        #[test]
        fn every_key_finds_its_places_newest_first(keys in prop::collection::vec(0..12_u32, 0..49)) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("i");
            let file = IndexFile::create(path.clone(), SHAPE).unwrap();
            for (n, key) in keys.iter().enumerate() {
                prop_assert!(!file.is_full());
                file.put(*key, PhysicalOffset(n as i64), 1_000_000 + n as i64 * 1000);
            }
            drop(file);
            let file = IndexFile::open(path, SHAPE).unwrap().unwrap();
            for key in 0..12 {
                let mut found = Vec::new();
                file.query(key, &(1_003_000..=1_040_000), |at| { found.push(at.0); true });
                let expected: Vec<i64> = (0..keys.len()).rev().filter(|n| keys[*n] == key && (3..=40).contains(n)).map(|n| n as i64).collect();
                prop_assert_eq!(found, expected);
            }
        }

        #[test]
        fn damage_never_loops_or_panics(bytes in prop::collection::vec(any::<u8>(), 40 + 28)) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("i");
            drop(IndexFile::create(path.clone(), SHAPE).unwrap());
            let mut all = std::fs::read(&path).unwrap();
            all[..68].copy_from_slice(&bytes);
            std::fs::write(&path, &all).unwrap();
            let file = IndexFile::open(path, SHAPE).unwrap().unwrap();
            (0..7).for_each(|hash| file.query(hash, &(i64::MIN..=i64::MAX), |_| true));
        }
    }

    #[test]
    fn hashes_are_apaches() {
        assert_eq!(key_hash("topic", "key"), gantry_message::hash::java_hash("topic#key").unsigned_abs());
    }
}
