//! Opening a store: finding the log's end, and bringing what is derived from it into line.
//!
//! There is one way for all cases: read the log from the last place that is known to be derived and synced, replay each
//! record into its ConsumeQueue, and cut at the first that is not whole. After a clean stop that place is the end of the
//! log, after a crash it lies a checkpoint's distance before it, and without any knowledge (or with ConsumeQueue files
//! gone) it is the log's start. Time therefore depends on the checkpoint distance, not on the size of the log.

use crate::checkpoint::Found;
use crate::commit_log::{Scan, Segment, Segments, Step, Tag};
use crate::consume_queue::{Entry, QueueTable};
use crate::dispatch::{DirtyQueues, Unsynced};
use crate::{OpenError, PhysicalOffset, QueueOffset, sys};
use gantry_message::Record;
use gantry_message::delay::DelayLevels;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Apache flushes the two files it compares at different times and takes this much off; so do we with its timestamps.
const APACHE_SLACK_MS: i64 = 3000;
/// Records between two writes of the queues' tails, which bounds the memory of a rebuild.
const TAIL_EVERY: u64 = 500_000;

/// What recovery found.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) segment: Arc<Segment>,
    pub(crate) end: PhysicalOffset,
    pub(crate) last_timestamp: i64,
}

pub(crate) struct Recovery<'a> {
    pub(crate) segments: &'a Segments,
    pub(crate) queues: &'a QueueTable,
    pub(crate) dirty: &'a DirtyQueues,
    pub(crate) levels: &'a DelayLevels,
    pub(crate) checkpoint: Found,
    pub(crate) clean: bool,
}

impl Recovery<'_> {
    pub(crate) fn run(self) -> Result<Recovered, OpenError> {
        let queues_failed = OpenError::io("recover the ConsumeQueues of", self.segments.dir());
        let log_failed = OpenError::io("recover", self.segments.dir());
        let (start, timestamp) = self.prepare_queues().map_err(queues_failed)?;
        let (end, last_timestamp) = self.replay(start).map_err(log_failed)?;
        let segment = self.cut(end).map_err(OpenError::io("cut the CommitLog in", self.segments.dir()))?;
        let log_start = self.segments.first().map_or(end, |first| first.base());
        if log_start > PhysicalOffset(0) {
            for queue in self.queues.all() {
                queue
                    .trim(log_start, end)
                    .map_err(OpenError::io("read the ConsumeQueues of", self.segments.dir()))?;
            }
        }
        Ok(Recovered { segment, end, last_timestamp: last_timestamp.max(timestamp) })
    }

    /// Loads the queues and decides where the replay starts.
    fn prepare_queues(&self) -> io::Result<(PhysicalOffset, i64)> {
        let log_start = self.segments.first().map_or(PhysicalOffset(0), |first| first.base());
        let (start, timestamp) = match self.checkpoint {
            Found::Ours(checkpoint) if self.is_boundary(checkpoint.dispatched) => {
                (checkpoint.dispatched.max(log_start), checkpoint.timestamp)
            }
            Found::Apache(timestamp) => {
                (self.file_before(timestamp - APACHE_SLACK_MS).unwrap_or(log_start), 0)
            }
            Found::Ours(_) | Found::Nothing => (log_start, 0),
        };
        self.queues.scan()?;
        for queue in self.queues.all() {
            queue.load(start)?;
        }
        let digest = self.queues.digest();
        let complete = match self.checkpoint {
            _ if start == log_start => true,
            Found::Ours(checkpoint) => digest == checkpoint.queues,
            // Apache leaves no sum to compare with; that there are none at all is all we can see.
            Found::Apache(_) | Found::Nothing => digest.entries > 0,
        };
        if complete {
            return Ok((start, timestamp));
        }
        tracing::warn!(expected = ?self.checkpoint, found = ?digest, "ConsumeQueue files are missing: building all of them from the CommitLog");
        self.queues.clear()?;
        Ok((log_start, timestamp))
    }

    /// True when `offset` is where a record starts, or where nothing was written yet.
    fn is_boundary(&self, offset: PhysicalOffset) -> bool {
        let Some(segment) = self.segments.find(offset) else {
            // The end of the last file.
            return self.segments.all().last().is_none_or(|last| last.end() == offset);
        };
        let bytes = segment.mapping().published(segment.range(offset, segment.end()));
        match Record::read(bytes) {
            Ok((record, _)) => record.physical_offset == offset.0,
            Err(gantry_message::RecordError::Blank) => true,
            Err(_) => bytes.iter().take(8).all(|byte| *byte == 0),
        }
    }

    /// The newest file whose first message was stored by `timestamp`.
    fn file_before(&self, timestamp: i64) -> Option<PhysicalOffset> {
        self.segments.all().iter().rev().map(|segment| segment.base()).find(|base| {
            let mut stored = None;
            Scan::new(self.segments, *base, PhysicalOffset(i64::MAX), false).step(|step| {
                if let Step::Record(record, _) = step {
                    stored = Some(record.store_timestamp);
                }
            });
            stored.is_some_and(|stored| stored > 0 && stored <= timestamp)
        })
    }

    /// Reads records from `start` into their queues. Gives the end of the log and its last store timestamp.
    fn replay(&self, start: PhysicalOffset) -> io::Result<(PhysicalOffset, i64)> {
        let mut scan = Scan::new(self.segments, start, PhysicalOffset(i64::MAX), true);
        let mut last_timestamp = 0;
        let (mut count, mut told) = (0_u64, Instant::now());
        let mut result = Ok(());
        while scan.step(|step| {
            if let Step::Record(record, len) = step {
                last_timestamp = last_timestamp.max(record.store_timestamp);
                result = self.replay_record(record, len);
            }
        }) {
            std::mem::replace(&mut result, Ok(()))?;
            count += 1;
            if count.is_multiple_of(TAIL_EVERY) {
                self.dirty.write(scan.at(), &mut Unsynced::default())?;
            }
            if told.elapsed() > Duration::from_secs(5) {
                told = Instant::now();
                tracing::info!(records = count, from = %start, at = %scan.at(), "recovering");
            }
        }
        if count > 0 {
            tracing::info!(records = count, from = %start, to = %scan.at(), clean = self.clean, "recovered");
        }
        Ok((scan.at(), last_timestamp))
    }

    fn replay_record(&self, record: &Record<'_>, len: usize) -> io::Result<()> {
        // A damaged or hostile log must not name folders.
        if !record.is_queued()
            || gantry_message::name::check_topic(record.topic).is_err()
            || record.queue_id < 0
        {
            return Ok(());
        }
        let queue = self.queues.get_or_create(record.topic, record.queue_id);
        let entry = Entry {
            physical_offset: PhysicalOffset(record.physical_offset),
            size: len as i32,
            tag_code: Tag::of_record(record, self.levels),
        };
        queue.replay(QueueOffset(record.queue_offset), entry)?;
        if queue.mark_dirty() || queue.next_offset() == QueueOffset(record.queue_offset + 1) {
            self.dirty.add(queue);
        }
        Ok(())
    }

    /// Makes `end` the end of the log: what a crash left behind it must never be taken for records again.
    fn cut(&self, end: PhysicalOffset) -> io::Result<Arc<Segment>> {
        if !self.clean {
            self.segments.remove_after(end)?;
            if let Some(segment) = self.segments.find(end) {
                sys::zero(segment.file(), (end - segment.base()) as u64, self.segments.file_size())?;
            }
        }
        match self.segments.find(end) {
            Some(segment) => Ok(segment),
            None => self.segments.create(end),
        }
    }
}
