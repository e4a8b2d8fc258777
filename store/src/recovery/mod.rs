//! Opening a store: finding the log's end, and bringing what is derived from it into line.
//!
//! There is one way for all cases: read the log from the last place that is known to be derived and synced, replay each
//! record into its ConsumeQueue, and find the end. After a clean stop that place is the end of the log, after a crash it lies a
//! checkpoint's distance before it, and without any knowledge (or with ConsumeQueue files gone) it is the log's start. Time
//! therefore depends on the checkpoint distance, not on the size of the log.
//!
//! Whoever dies here is followed by another who does the same again.

mod progress;
mod replay;

use crate::checkpoint::{Checkpoint, CheckpointFile, Found};
use crate::commit_log::{Durable, Scan, Segment, Segments, Step, next_whole};
use crate::consume_queue::{ConsumeQueue, QueueTable};
use crate::dispatch::{DirtyQueues, Unsynced};
use crate::faults::{Fault, has, step};
use crate::{OpenError, PhysicalOffset, QueueOffset, sys};
use gantry_message::Record;
use gantry_message::delay::DelayLevels;
pub use progress::Progress;
use replay::Replay;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Apache flushes the two files it compares at different times and takes this much off; so do we with its timestamps.
const APACHE_SLACK_MS: i64 = 3000;
/// A record is not larger: further behind a place there is one, if it is within the log.
const LARGEST_RECORD: i64 = 32 * 1024 * 1024;

/// What recovery found.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) segment: Arc<Segment>,
    pub(crate) end: PhysicalOffset,
    pub(crate) last_timestamp: i64,
    /// Where the last record starts; 0 when that is not known.
    pub(crate) last: PhysicalOffset,
    /// What it wrote to queues and did not sync.
    pub(crate) unsynced: Unsynced,
}

pub(crate) struct Recovery<'a> {
    pub(crate) root: &'a Path,
    pub(crate) segments: &'a Segments,
    pub(crate) queues: &'a QueueTable,
    pub(crate) dirty: &'a DirtyQueues,
    pub(crate) levels: &'a DelayLevels,
    pub(crate) checkpoint: Found,
    pub(crate) checkpoint_file: &'a mut CheckpointFile,
    pub(crate) boot: [u8; 16],
    /// The log was on the disk up to here, as far as that is known: whatever is wrong below is damage, not the log's end.
    pub(crate) durable: PhysicalOffset,
    pub(crate) clean: bool,
    /// What was read is not read again by whoever comes after an interruption, but for this many bytes.
    pub(crate) keep_every: u64,
    pub(crate) progress: &'a Progress,
}

/// Where the replay starts.
struct Start {
    at: PhysicalOffset,
    timestamp: i64,
    /// Where the last record before it starts.
    last: PhysicalOffset,
    /// The log before it is on the disk, by whatever checkpoint there is: where the replay starts when nothing is built anew.
    flushed: PhysicalOffset,
    /// Entries were dropped from queues' files.
    is_cut: bool,
    /// Everything is built anew.
    is_rebuild: bool,
    /// Where queues that are built anew ended before.
    floors: Vec<(Arc<ConsumeQueue>, QueueOffset)>,
}

impl Recovery<'_> {
    pub(crate) fn run(mut self) -> Result<Recovered, OpenError> {
        let queues_failed = OpenError::io("recover the ConsumeQueues of", self.segments.dir());
        let log_failed = OpenError::io("recover", self.segments.dir());
        let start = self.prepare_queues().map_err(queues_failed)?;
        step("recovery: queues prepared");
        let mut replayed = Replay::new(&mut self, &start).run().map_err(log_failed)?;
        step("recovery: replayed");
        let end = replayed.end;
        if (end < self.durable && self.knows_the_log()) || self.is_last_gone() {
            let dir = self.segments.dir().to_owned();
            return Err(OpenError::EndGone { dir, durable: self.durable, end });
        }
        let log_failed = OpenError::io("make safe what was recovered in", self.segments.dir());
        let is_as_left = self.clean && end == start.at;
        if !self.clean {
            self.settle(start.flushed, end).map_err(log_failed)?;
        }
        step("recovery: settled");
        let segment =
            self.cut(end, is_as_left).map_err(OpenError::io("cut the CommitLog in", self.segments.dir()))?;
        step("recovery: cut");
        let log_start = self.segments.first().map_or(end, |first| first.base());
        if log_start > PhysicalOffset(0) {
            for queue in self.queues.all() {
                queue
                    .trim(log_start, end)
                    .map_err(OpenError::io("read the ConsumeQueues of", self.segments.dir()))?;
            }
        }
        if has(Fault::OffsetReused) {
            for queue in self.queues.all().iter().filter(|queue| queue.next_offset().0 > 1) {
                let last = queue.next_offset() + -1;
                queue.start_over(last).map_err(OpenError::io("reuse offsets of", self.segments.dir()))?;
            }
        }
        if start.is_rebuild {
            // Files were cut and made all over the place.
            replayed.unsynced = Unsynced::Many;
        }
        Ok(Recovered {
            segment,
            end,
            last_timestamp: replayed.last_timestamp.max(start.timestamp),
            last: replayed.last,
            unsynced: replayed.unsynced,
        })
    }

    /// Loads the queues and decides where the replay starts.
    fn prepare_queues(&self) -> io::Result<Start> {
        let log_start = self.segments.first().map_or(PhysicalOffset(0), |first| first.base());
        let nowhere = PhysicalOffset(0);
        let (at, timestamp, last) = match self.checkpoint {
            Found::Ours(checkpoint) if self.is_boundary(checkpoint.dispatched) => {
                (checkpoint.dispatched.max(log_start), checkpoint.timestamp, checkpoint.last)
            }
            Found::Apache(timestamp) => {
                (self.file_before(timestamp - APACHE_SLACK_MS).unwrap_or(log_start), 0, nowhere)
            }
            Found::Ours(_) | Found::Nothing => (log_start, 0, nowhere),
        };
        self.queues.scan()?;
        let mut is_cut = false;
        for queue in self.queues.all() {
            is_cut |= queue.load(at)?;
        }
        let digest = self.queues.digest();
        let complete = match self.checkpoint {
            _ if at == log_start => true,
            Found::Ours(checkpoint) => digest == checkpoint.queues,
            // Apache leaves no sum to compare with; that there are none at all is all we can see.
            Found::Apache(_) | Found::Nothing => digest.entries > 0,
        };
        if complete {
            return Ok(Start {
                at,
                timestamp,
                last,
                flushed: at,
                is_cut,
                is_rebuild: false,
                floors: Vec::new(),
            });
        }
        tracing::warn!(expected = ?self.checkpoint, found = ?digest, "ConsumeQueue files are missing: building all of them from the CommitLog");
        let mut floors = Vec::new();
        for queue in self.queues.all() {
            floors.push((Arc::clone(&queue), queue.next_offset()));
            // Where queues stood whose messages are not in the log any more is in their files only.
            queue.load(log_start)?;
        }
        Ok(Start {
            at: log_start,
            timestamp,
            last: nowhere,
            flushed: at,
            is_cut: true,
            is_rebuild: true,
            floors,
        })
    }

    /// Nobody else had it since: it cannot be shorter than it was.
    fn knows_the_log(&self) -> bool {
        !matches!(self.checkpoint, Found::Apache(_))
    }

    /// What of the log counts as having been on the disk: all of it, when others wrote it and left no note.
    fn known(&self) -> Durable {
        if self.knows_the_log() { Durable::up_to(self.durable) } else { Durable::ALL }
    }

    /// There is nothing where the last record was that the checkpoint knows.
    fn is_last_gone(&self) -> bool {
        let Found::Ours(Checkpoint { last, .. }) = self.checkpoint else { return false };
        let Some(segment) = self.segments.find(last).filter(|_| last > PhysicalOffset(0)) else {
            return false;
        };
        segment.mapping().published(segment.range(last, last + 8)).iter().all(|byte| *byte == 0)
    }

    /// True when `offset` is where a record starts, or where nothing was written yet; or where one starts that is damaged.
    fn is_boundary(&self, offset: PhysicalOffset) -> bool {
        let Some(segment) = self.segments.find(offset) else {
            // The end of the last file.
            return self.segments.all().last().is_none_or(|last| last.end() == offset);
        };
        let bytes = segment.mapping().published(segment.range(offset, segment.end()));
        let is_clear = match Record::read(bytes) {
            Ok((record, _)) => record.physical_offset == offset.0,
            Err(gantry_message::RecordError::Blank) => true,
            Err(_) => bytes.iter().take(8).all(|byte| *byte == 0),
        };
        is_clear
            || (offset < self.durable
                && next_whole(self.segments, offset, offset + LARGEST_RECORD, self.known()).is_some())
    }

    /// The newest file whose first message was stored by `timestamp`.
    fn file_before(&self, timestamp: i64) -> Option<PhysicalOffset> {
        self.segments.all().iter().rev().map(|segment| segment.base()).find(|base| {
            let mut stored = None;
            Scan::new(self.segments, *base, PhysicalOffset(i64::MAX), None).step(|step| {
                if let Step::Record(record, _) = step {
                    stored = Some(record.store_timestamp);
                }
            });
            stored.is_some_and(|stored| stored > 0 && stored <= timestamp)
        })
    }

    /// Brings to the disk what may be in memory only: consumers will see it, and it will be behind what is acknowledged later. A
    /// page whose writing failed before counts as written, so all of it is written once more.
    fn settle(&self, flushed: PhysicalOffset, end: PhysicalOffset) -> io::Result<()> {
        let mut at = self.durable.max(flushed).max(self.segments.first().map_or(end, |first| first.base()));
        while at < end {
            let Some(segment) = self.segments.find(at) else { break };
            let range = segment.range(at, end);
            sys::write_again(segment.file(), segment.mapping().published(range.clone()), range.start as u64)?;
            at = segment.end();
        }
        Ok(())
    }

    /// Makes `end` the end of the log: what a crash left behind it must never be taken for records again.
    fn cut(&self, end: PhysicalOffset, is_as_left: bool) -> io::Result<Arc<Segment>> {
        if !is_as_left {
            self.segments.remove_after(end)?;
            step("recovery: later files removed");
            if let Some(segment) = self.segments.find(end) {
                sys::zero(segment.file(), (end - segment.base()) as u64, self.segments.file_size())?;
            }
        }
        // Files that others made may have no blocks yet: a full disk would be a signal then.
        for segment in self.segments.all().iter().filter(|segment| segment.end() > end) {
            sys::reserve(segment.file(), self.segments.file_size())?;
        }
        match self.segments.find(end) {
            Some(segment) => Ok(segment),
            None => self.segments.create(end),
        }
    }
}
