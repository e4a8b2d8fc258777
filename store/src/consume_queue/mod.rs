//! The ConsumeQueue: for each message of one queue, where it is in the log (Apache: `ConsumeQueue`).
//!
//! The newest entries are in memory (the *tail*): the append puts them there, pulls of live consumers read them there. A
//! writer thread brings them to the files, from where lagging consumers read. After a crash what the files lack is read
//! from the log again, so nothing here is ever waited for.

mod by_id;
mod by_name;
mod entry;
mod files;
mod table;
mod tail;

pub use by_id::{ById, Numbered};
pub use by_name::{ByName, Named};
pub(crate) use entry::ENTRY;
pub use entry::Entry;
pub(crate) use table::QueueTable;

use crate::faults::{Fault, has};
use crate::{PhysicalOffset, QueueOffset};
use files::{FileCache, QueueFiles, Root};
use parking_lot::Mutex;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use tail::Tail;

/// What the queues of a topic share.
#[derive(Debug)]
struct Home {
    topic: Box<str>,
    root: Arc<Root>,
}

impl Named for Home {
    fn name(&self) -> &str {
        &self.topic
    }
}

/// One queue of one topic. There may be very many, of which few are in use at a time: those that are not are small.
#[derive(Debug)]
pub struct ConsumeQueue {
    home: Arc<Home>,
    id: i32,
    /// The offset that the next message gets. Written under the append lock only.
    next: AtomicI64,
    min: AtomicI64,
    tail: Mutex<Tail>,
    /// On the writer's list.
    dirty: AtomicBool,
    /// Its topic was deleted: whatever comes late is dropped.
    deleted: AtomicBool,
    /// Held while files are written, so that a deleted queue's folder is not made again.
    writing: Mutex<()>,
}

impl Numbered for ConsumeQueue {
    fn id(&self) -> i32 {
        self.id
    }
}

impl ConsumeQueue {
    fn new(home: Arc<Home>, id: i32) -> Self {
        Self {
            home,
            id,
            next: AtomicI64::new(0),
            min: AtomicI64::new(0),
            tail: Mutex::default(),
            dirty: AtomicBool::new(false),
            deleted: AtomicBool::new(false),
            writing: Mutex::new(()),
        }
    }

    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.home.topic
    }

    fn files(&self) -> QueueFiles<'_> {
        QueueFiles::new(&self.home.root, &self.home.topic, self.id)
    }

    /// The queue's id within the topic.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.id
    }

    /// The offset that the next message will get, durable or not.
    #[must_use]
    pub fn next_offset(&self) -> QueueOffset {
        QueueOffset(self.next.load(Ordering::Acquire))
    }

    /// The first offset whose message is still in the log.
    #[must_use]
    pub fn min_offset(&self) -> QueueOffset {
        QueueOffset(self.min.load(Ordering::Acquire))
    }

    /// The offset after the last message that lies below `end` in the log: what consumers may see.
    #[must_use]
    pub fn max_offset(&self, end: PhysicalOffset) -> QueueOffset {
        let tail = self.tail.lock();
        let entries = tail.entries();
        let beyond = match entries.last() {
            Some(last) if last.end() > end => {
                entries.len() - entries.partition_point(|entry| entry.end() <= end)
            }
            _ => 0,
        };
        QueueOffset(self.next_offset().0 - beyond as i64)
    }

    /// The offset of the first of the tail's entries, while the tail is locked.
    fn base(&self, entries: &[Entry]) -> QueueOffset {
        QueueOffset(self.next_offset().0 - entries.len() as i64)
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    /// Adds the entry of the message that got the offset [`next_offset`](Self::next_offset). Under the append lock.
    /// True when the queue has to be put on the writer's list.
    pub(crate) fn push(&self, entry: Entry) -> bool {
        let mut tail = self.tail.lock();
        tail.push(entry);
        self.next.store(self.next.load(Ordering::Relaxed) + 1, Ordering::Release);
        drop(tail);
        !self.dirty.load(Ordering::Relaxed) && !self.dirty.swap(true, Ordering::AcqRel)
    }

    /// Entries from `from` on, at least one unless there is none, at most `max`; only those whose records end at or
    /// before `end`. Fewer than `max` does not mean that there are no more: files are read one at a time.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(
        &self,
        from: QueueOffset,
        max: usize,
        end: PhysicalOffset,
        out: &mut Vec<Entry>,
    ) -> io::Result<()> {
        out.clear();
        {
            let tail = self.tail.lock();
            let entries = tail.entries();
            let base = self.base(entries);
            if from >= base {
                let entries = entries.get((from - base) as usize..).unwrap_or_default();
                out.extend(entries.iter().take(max).take_while(|entry| entry.end() <= end));
                return Ok(());
            }
        }
        self.files().read_into(from, max, |entry| entry.is_hole() || entry.end() <= end, out)?;
        // A queue of this name may have been cut while we read; its next offset is the judge.
        out.truncate(usize::try_from(self.next_offset() - from).unwrap_or(0));
        Ok(())
    }

    /// The entry at `offset`.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn entry(&self, offset: QueueOffset, end: PhysicalOffset) -> io::Result<Option<Entry>> {
        let mut entries = Vec::new();
        self.read(offset, 1, end, &mut entries)?;
        Ok(entries.first().copied())
    }

    /// Brings the tail to the files, as far as it lies below `end` in the log, and lets go of what nobody needs in memory: while the
    /// queue is in use, its last `keep` entries stay, where live consumers find theirs. True when some of it has to wait for `end` to move.
    pub(crate) fn write_tail(
        &self,
        end: PhysicalOffset,
        keep: usize,
        touched: &mut dyn FnMut(PathBuf, Arc<File>),
    ) -> io::Result<bool> {
        // Cleared first: an entry that comes from now on puts the queue on the list again.
        self.dirty.store(false, Ordering::Release);
        let (from, entries) = {
            let tail = self.tail.lock();
            let new = tail.entries().get(tail.written()..).unwrap_or_default();
            let due = new.iter().copied().take_while(|entry| entry.end() <= end);
            (self.base(tail.entries()) + tail.written() as i64, due.collect::<Vec<_>>())
        };
        let is_skipped = |at: usize| has(Fault::QueueSkips) && (from.0 + at as i64) % 100 == 50;
        {
            let _writing = self.writing.lock();
            if self.is_deleted() {
                return Ok(false);
            }
            let written = entries.iter().enumerate();
            let written = written.map(|(at, entry)| if is_skipped(at) { Entry::HOLE } else { *entry });
            self.files().write(from, written, touched)?;
        }
        let mut tail = self.tail.lock();
        if self.base(tail.entries()) + tail.written() as i64 == from {
            tail.wrote(entries.len());
        }
        // A queue that got nothing since the last time needs no memory.
        let surplus = if entries.is_empty() { tail.written() } else { tail.written().saturating_sub(keep) };
        // Those behind move up: not for every few.
        if entries.is_empty() || surplus > keep / 4 {
            tail.forget(surplus);
        }
        Ok(!tail.is_empty())
    }

    /// Has other entries from `from` on than its files say.
    pub(crate) fn replace(&self, from: QueueOffset, entries: &[Entry]) -> io::Result<()> {
        let _writing = self.writing.lock();
        if self.is_deleted() {
            return Ok(());
        }
        self.files().write(from, entries.iter().copied(), &mut |_, _| {})?;
        let mut tail = self.tail.lock();
        let base = self.base(tail.entries());
        for (n, entry) in entries.iter().enumerate() {
            let place = usize::try_from(from + n as i64 - base).ok();
            if let Some(kept) = place.and_then(|place| tail.entries_mut().get_mut(place)) {
                *kept = *entry;
            }
        }
        Ok(())
    }

    /// Puts it on the writer's list again; true when it was not on it.
    pub(crate) fn mark_dirty(&self) -> bool {
        !self.dirty.swap(true, Ordering::AcqRel)
    }

    /// Finds the queue's bounds in its files: entries at or beyond `cut` in the log are dropped. `true` when there were any, which come
    /// back in a power cut until the files are synced.
    ///
    /// A power cut leaves any of the pages that were being written, so there may be entries behind some that are not there. Left
    /// where they are, they would be taken for messages as soon as the queue has grown up to them.
    pub(crate) fn load(&self, cut: PhysicalOffset) -> io::Result<bool> {
        let starts = self.files().list()?;
        let Some(first) = starts.first().copied() else { return Ok(false) };
        let mut next = first;
        for start in starts.iter().rev() {
            let written = self.written_in_file(*start)?;
            if written > 0 || *start == first {
                next = *start + written;
                break;
            }
        }
        let end = self.end_below(first, next, cut)?;
        let is_more = !self.files().is_blank_from(&starts, end)?;
        if is_more {
            self.files().truncate(end)?;
        }
        self.reset(end, first);
        Ok(is_more)
    }

    /// The offset after the last entry between two offsets that lies below `cut` in the log.
    fn end_below(
        &self,
        first: QueueOffset,
        next: QueueOffset,
        cut: PhysicalOffset,
    ) -> io::Result<QueueOffset> {
        /// Entries read at once. After a crash few are beyond, before a rebuild all may be.
        const AT_ONCE: i64 = 4096;
        let mut end = next;
        while end > first {
            let file = self.files().file_start(QueueOffset(end.0 - 1));
            let from = QueueOffset(end.0 - AT_ONCE).max(first).max(file);
            let entries = self.files().read(from, (end - from) as usize)?;
            match entries.iter().rposition(|entry| entry.is_hole() || entry.end() <= cut) {
                Some(last) => return Ok(from + last as i64 + 1),
                None => end = from,
            }
        }
        Ok(end)
    }

    /// How many entries of a file are written: they are dense from its start, so this is a binary search. Where queues are many, most
    /// have few: one read says it then.
    fn written_in_file(&self, start: QueueOffset) -> io::Result<i64> {
        const FEW: usize = 4096 / ENTRY;
        let first = self.files().read(start, FEW)?.len();
        let (mut low, mut high) = (first as i64, self.files().next_file(start) - start);
        if first < FEW {
            return Ok(low);
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if self.files().read(start + middle, 1)?.is_empty() {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(low)
    }

    /// Starts over at `next` with an empty tail.
    fn reset(&self, next: QueueOffset, min: QueueOffset) {
        let mut tail = self.tail.lock();
        *tail = Tail::Empty;
        self.next.store(next.0, Ordering::Release);
        self.min.store(min.0, Ordering::Release);
    }

    /// During recovery: `entry` is what it has at `offset`.
    pub(crate) fn knows(&self, offset: QueueOffset, entry: Entry) -> io::Result<bool> {
        Ok(self.entry(offset, PhysicalOffset(i64::MAX))? == Some(entry))
    }

    /// During recovery: it never had a message.
    pub(crate) fn is_new(&self) -> io::Result<bool> {
        Ok(self.next_offset() == QueueOffset(0) && self.files().list()?.is_empty())
    }

    /// During recovery: drops everything from `offset` on.
    pub(crate) fn start_over(&self, offset: QueueOffset) -> io::Result<()> {
        self.files().truncate(offset)?;
        self.reset(offset, self.min_offset().min(offset));
        Ok(())
    }

    /// During recovery: the messages before `offset` are not in the log, and their offsets become holes.
    pub(crate) fn skip_to(&self, offset: QueueOffset) -> io::Result<()> {
        if self.is_new()? {
            self.files().fill_holes(offset, &mut |_, _| {})?;
            self.reset(offset, offset);
            return Ok(());
        }
        self.write_tail(PhysicalOffset(i64::MAX), 0, &mut |_, _| {})?;
        let next = self.next_offset();
        let holes = std::iter::repeat_n(Entry::HOLE, (offset - next) as usize);
        self.files().write(next, holes, &mut |_, _| {})?;
        self.reset(offset, self.min_offset());
        Ok(())
    }

    /// Moves the first offset behind the messages that lie before `log_start`.
    pub(crate) fn trim(&self, log_start: PhysicalOffset, end: PhysicalOffset) -> io::Result<()> {
        let next = self.max_offset(end);
        let first_file = match self.files().list()?.first() {
            Some(first) => self.min_offset().max(*first),
            None => self.min_offset(),
        };
        // Offsets in the log only rise within a queue: binary search. Holes say nothing: what is behind them does.
        let (mut low, mut high) = (first_file.0, next.0);
        while low < high {
            let middle = low + (high - low) / 2;
            let (behind, entry) = self.behind_holes(QueueOffset(middle), next, end)?;
            match entry {
                Some(entry) if entry.physical_offset < log_start => low = behind.0 + 1,
                _ => high = middle,
            }
        }
        // A queue that begins beyond 0 has holes before its first message.
        let (low, _) = self.behind_holes(QueueOffset(low.min(next.0)), next, end)?;
        let low = low.0;
        self.forget_before(QueueOffset(low))
    }

    /// The first entry from `from` on that is no hole, and its offset; `next` when there is none.
    fn behind_holes(
        &self,
        from: QueueOffset,
        next: QueueOffset,
        end: PhysicalOffset,
    ) -> io::Result<(QueueOffset, Option<Entry>)> {
        /// Entries read at once: holes come in great numbers, if at all.
        const AT_ONCE: usize = 1024;
        let (mut at, mut entries) = (from, Vec::new());
        while at < next {
            self.read(at, AT_ONCE, end, &mut entries)?;
            match entries.iter().position(|entry| !entry.is_hole()) {
                Some(n) => return Ok((at + n as i64, entries.get(n).copied())),
                // Nothing can be read there: it is no message either.
                None => at = at + entries.len().max(1) as i64,
            }
        }
        Ok((next, None))
    }

    /// Moves the first offset to `offset`, never back. What only the log knows of after that is there again after a start.
    pub(crate) fn forget_before(&self, offset: QueueOffset) -> io::Result<()> {
        let first = self.min.fetch_max(offset.0, Ordering::AcqRel).max(offset.0);
        let _writing = self.writing.lock();
        self.files().remove_before(QueueOffset(first))
    }

    /// Says that the queue is gone. Under the append lock: no message gets an offset in it afterwards.
    pub(crate) fn mark_deleted(&self) {
        self.deleted.store(true, Ordering::Release);
    }

    /// Deletes the files of a queue that was marked as deleted.
    pub(crate) fn delete_files(&self) -> io::Result<()> {
        let _writing = self.writing.lock();
        self.files().remove_all()
    }
}

#[cfg(test)]
mod tests;
