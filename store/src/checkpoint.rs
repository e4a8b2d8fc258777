//! The checkpoint file: up to where everything derived from the log is safely on the disk.
//!
//! Apache's part (`StoreCheckpoint`): five `i64` at 0: timestamps of CommitLog, ConsumeQueue and index, the master's
//! flushed offset, the confirm offset. Ours: two slots at 512 and 1024, written in turn, so that a torn write leaves the
//! other. A slot repeats Apache's timestamps: when they differ, Apache's broker had the store in between and the slot is
//! out of date.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::PhysicalOffset;
use crate::faults::step;
use crate::watermark::Watermark;

const LEN: usize = 4096;
const SLOTS: [usize; 2] = [512, 1024];
const MAGIC: u64 = u64::from_be_bytes(*b"gantryC1");
/// Bytes of a slot before its CRC.
const SLOT: usize = 88;

/// What a checkpoint says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// Everything below is in the ConsumeQueue and the CommitLog, on the disk.
    pub(crate) dispatched: PhysicalOffset,
    /// Everything below is in the index, on the disk.
    pub(crate) indexed: PhysicalOffset,
    /// Queues there were, and the sum of their next offsets: tells when ConsumeQueue files went missing.
    pub(crate) queues: QueueDigest,
    /// Boot of the machine that wrote it.
    pub(crate) boot: [u8; 16],
    /// Store timestamp of the last message, for Apache's part.
    pub(crate) timestamp: i64,
    /// Where the last record before `dispatched` starts; 0 when that is not known.
    pub(crate) last: PhysicalOffset,
}

/// A sum over all queues that any missing file changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueueDigest {
    pub(crate) count: i64,
    pub(crate) entries: i64,
}

/// What was found on opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Our own, and nobody touched the store since.
    Ours(Checkpoint),
    /// Apache's only: the earliest of its timestamps.
    Apache(i64),
    /// None that can be used.
    Nothing,
}

/// The open file.
#[derive(Debug)]
pub(crate) struct CheckpointFile {
    file: File,
    sequence: u64,
}

impl CheckpointFile {
    /// Opens or creates the file and reads the newest valid slot.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, Found)> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = [0; LEN];
        crate::sys::read_full(&file, &mut bytes, 0)?;
        file.set_len(LEN as u64)?;
        // Part of it is mapped: on a full disk a page without a block would be a signal.
        crate::sys::reserve(&file, LEN as u64)?;
        let long = |at: usize| {
            bytes.get(at..).and_then(|b| b.first_chunk::<8>()).map_or(0, |b| i64::from_be_bytes(*b))
        };
        let apache = [long(0), long(8), long(16)];
        let slots: Vec<_> = SLOTS.iter().filter_map(|at| read_slot(bytes.get(*at..)?)).collect();
        let sequence = slots.iter().map(|(sequence, _)| *sequence).max().unwrap_or(0);
        let newest =
            slots.into_iter().filter(|(_, slot)| apache == [slot.timestamp; 3]).max_by_key(|(n, _)| *n);
        let found = match newest {
            Some((_, slot)) => Found::Ours(slot),
            _ if apache[0] > 0 => {
                // The index may never have been written; its 0 is no evidence.
                Found::Apache(apache.into_iter().filter(|ts| *ts > 0).min().unwrap_or(0))
            }
            _ => Found::Nothing,
        };
        Ok((Self { file, sequence }, found))
    }

    /// What is noted in it between two checkpoints.
    pub(crate) fn watermark(&self) -> io::Result<Watermark> {
        Watermark::map(&self.file, LEN)
    }

    /// Writes a checkpoint, durably.
    pub(crate) fn write(&mut self, checkpoint: Checkpoint) -> io::Result<()> {
        self.sequence += 1;
        let at = if self.sequence.is_multiple_of(2) { SLOTS[0] } else { SLOTS[1] };
        self.file.write_all_at(&slot_bytes(self.sequence, checkpoint), at as u64)?;
        step("checkpoint: half written");
        // Apache's part last: until it matches, the other slot still counts.
        let mut apache = Vec::with_capacity(40);
        for value in [
            checkpoint.timestamp,
            checkpoint.timestamp,
            checkpoint.timestamp,
            checkpoint.dispatched.0,
            checkpoint.dispatched.0,
        ] {
            apache.extend_from_slice(&value.to_be_bytes());
        }
        self.file.write_all_at(&apache, 0)?;
        self.file.sync_data()
    }
}

fn slot_bytes(sequence: u64, checkpoint: Checkpoint) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SLOT + 4);
    bytes.extend_from_slice(&MAGIC.to_be_bytes());
    bytes.extend_from_slice(&sequence.to_be_bytes());
    for value in [
        checkpoint.dispatched.0,
        checkpoint.indexed.0,
        checkpoint.queues.count,
        checkpoint.queues.entries,
        checkpoint.timestamp,
    ] {
        bytes.extend_from_slice(&value.to_be_bytes());
    }
    bytes.extend_from_slice(&checkpoint.boot);
    bytes.extend_from_slice(&checkpoint.last.0.to_be_bytes());
    bytes.resize(SLOT, 0);
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_be_bytes());
    bytes
}

fn read_slot(bytes: &[u8]) -> Option<(u64, Checkpoint)> {
    let (slot, rest) = bytes.split_at_checked(SLOT)?;
    if u32::from_be_bytes(*rest.first_chunk::<4>()?) != crc32fast::hash(slot) {
        return None;
    }
    let long = |n: usize| Some(i64::from_be_bytes(*slot.get(n * 8..)?.first_chunk::<8>()?));
    if long(0)? as u64 != MAGIC {
        return None;
    }
    let checkpoint = Checkpoint {
        dispatched: PhysicalOffset(long(2)?),
        indexed: PhysicalOffset(long(3)?),
        queues: QueueDigest { count: long(4)?, entries: long(5)? },
        timestamp: long(6)?,
        boot: *slot.get(56..)?.first_chunk::<16>()?,
        last: PhysicalOffset(long(9)?),
    };
    Some((long(1)? as u64, checkpoint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(n: i64) -> Checkpoint {
        Checkpoint {
            dispatched: PhysicalOffset(n),
            indexed: PhysicalOffset(n - 1),
            queues: QueueDigest { count: 2, entries: n * 3 },
            boot: [7; 16],
            timestamp: 1000 + n,
            last: PhysicalOffset(n / 2),
        }
    }

    #[test]
    fn the_newest_whole_slot_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint");
        let (mut file, found) = CheckpointFile::open(&path).unwrap();
        assert_eq!(found, Found::Nothing);
        for n in 1..=3 {
            file.write(checkpoint(n)).unwrap();
            assert_eq!(CheckpointFile::open(&path).unwrap().1, Found::Ours(checkpoint(n)));
        }
        // A torn write of the fourth slot (which is the second's place) leaves the third.
        file.file.write_all_at(&[9; 30], SLOTS[0] as u64).unwrap();
        assert_eq!(CheckpointFile::open(&path).unwrap().1, Found::Ours(checkpoint(3)));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 4096);
    }

    #[test]
    fn a_store_that_apache_had_meanwhile_is_not_ours() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint");
        let (mut file, _) = CheckpointFile::open(&path).unwrap();
        file.write(checkpoint(1)).unwrap();
        file.file.write_all_at(&5000_i64.to_be_bytes(), 0).unwrap();
        assert_eq!(CheckpointFile::open(&path).unwrap().1, Found::Apache(1001));
    }
}
