//! Messages that were stored before this process was there, looked at before anybody gets them: a disk may give back other bytes
//! than it was given. What a queue says wrongly is put right from the log; what the log has not any more is a hole.
//!
//! Messages of this process's own are in its memory as it wrote them, and are not looked at again.

use crate::commit_log::{Durable, Scan, Segments, Step, Tag, whole_record};
use crate::consume_queue::{ConsumeQueue, Entry};
use crate::{PhysicalOffset, QueueOffset};
use gantry_message::Record;
use gantry_message::delay::DelayLevels;
use std::io;

/// How far away in a queue an entry is looked for that is right.
const AROUND: i64 = 4096;

/// What was made of entries that were wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mended {
    /// Their messages are in the log.
    pub(crate) found: usize,
    /// They are not.
    pub(crate) lost: usize,
}

/// What a look at a queue needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mending<'a> {
    pub(crate) queue: &'a ConsumeQueue,
    pub(crate) segments: &'a Segments,
    pub(crate) levels: &'a DelayLevels,
    /// Of the log, for consumers.
    pub(crate) end: PhysicalOffset,
}

impl Mending<'_> {
    /// True when `entry` is what the queue has to have at `offset`, and its message is as it was stored.
    pub(crate) fn is_right(&self, offset: QueueOffset, entry: Entry) -> bool {
        let Some(segment) = self.segments.find(entry.physical_offset) else { return false };
        whole_record(&segment, entry.physical_offset, Durable::ALL)
            .is_some_and(|(record, len)| self.entry_of(&record, len) == Some((offset, entry)))
    }

    /// The entry of a record, when it belongs to the queue.
    fn entry_of(&self, record: &Record<'_>, len: usize) -> Option<(QueueOffset, Entry)> {
        let entry = Entry {
            physical_offset: PhysicalOffset(record.physical_offset),
            size: len as i32,
            tag_code: Tag::of_record(record, self.levels),
        };
        let is_ours =
            record.is_queued() && record.topic == self.queue.topic() && record.queue_id == self.queue.id();
        is_ours.then_some((QueueOffset(record.queue_offset), entry))
    }

    /// Puts right the entries around `offset`, which is wrong.
    pub(crate) fn mend(&self, offset: QueueOffset) -> io::Result<Mended> {
        let bounds = (self.queue.min_offset(), self.queue.max_offset(self.end));
        let log_start = self.segments.first().map_or(self.end, |first| first.base());
        let (before, from) = match self.nearest(offset, bounds, -1)? {
            Some((before, entry)) => (before + 1, entry.end()),
            None => ((offset + -AROUND).max(bounds.0), log_start),
        };
        let (after, to) = match self.nearest(offset, bounds, 1)? {
            Some((after, entry)) => (after, entry.physical_offset),
            None => ((offset + AROUND).min(bounds.1), self.end),
        };
        let mut entries = vec![Entry::HOLE; usize::try_from(after - before).unwrap_or(0)];
        let mut scan = Scan::new(self.segments, from, to, Some(Durable::ALL));
        loop {
            while scan.step(|step| {
                if let Step::Record(record, len) = step
                    && let Some((offset, entry)) = self.entry_of(record, len)
                    && let Some(place) =
                        usize::try_from(offset - before).ok().and_then(|n| entries.get_mut(n))
                {
                    *place = entry;
                }
            }) {}
            if scan.at() >= to || scan.skip_damage().is_none() {
                break;
            }
        }
        let is_expired = before < self.queue.min_offset();
        let lost = entries.iter().filter(|entry| entry.is_hole()).count();
        let mended = Mended { found: entries.len() - lost, lost };
        self.queue.replace(before, &entries)?;
        if is_expired {
            // They went while they were looked at.
            return Ok(Mended::default());
        }
        tracing::error!(
            topic = self.queue.topic(), queue = self.queue.id(), from = %before, to = %after, mended.found, mended.lost,
            "a queue did not say where its messages are: it was put right from the CommitLog"
        );
        Ok(mended)
    }

    /// The next entry in a direction that is right.
    fn nearest(
        &self,
        from: QueueOffset,
        (min, max): (QueueOffset, QueueOffset),
        step: i64,
    ) -> io::Result<Option<(QueueOffset, Entry)>> {
        let mut at = from;
        for _ in 0..AROUND {
            at = at + step;
            if at < min || at >= max {
                break;
            }
            if let Some(entry) = self.queue.entry(at, self.end)?
                && !entry.is_hole()
                && self.is_right(at, entry)
            {
                return Ok(Some((at, entry)));
            }
        }
        Ok(None)
    }
}
