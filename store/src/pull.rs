//! Reading a queue: from an offset, filtered by tag code, as slices of the mapped log.

use crate::commit_log::{Segment, Segments};
use crate::consume_queue::{ConsumeQueue, ENTRY, Entry};
use crate::{PhysicalOffset, QueueOffset, sys};
use bytes::Bytes;
use smallvec::SmallVec;
use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::OnceLock;

/// How a read of a queue went (Apache: `GetMessageStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullStatus {
    /// Messages.
    Found,
    /// Entries were looked at, none matched.
    NoMatchedMessage,
    /// The entry's message is not in the log any more.
    MessageWasRemoving,
    /// The queue never had a message.
    NoMessageInQueue,
    /// The offset is the next one: wait.
    OffsetOverflowOne,
    /// The offset is beyond the next one.
    OffsetOverflowBadly,
    /// The offset is before the first one.
    OffsetTooSmall,
    /// The ConsumeQueue says nothing there, and should.
    OffsetFoundNull,
}

impl PullStatus {
    /// Apache's name, which its answers carry as the remark.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Found => "FOUND",
            Self::NoMatchedMessage => "NO_MATCHED_MESSAGE",
            Self::MessageWasRemoving => "MESSAGE_WAS_REMOVING",
            Self::NoMessageInQueue => "NO_MESSAGE_IN_QUEUE",
            Self::OffsetOverflowOne => "OFFSET_OVERFLOW_ONE",
            Self::OffsetOverflowBadly => "OFFSET_OVERFLOW_BADLY",
            Self::OffsetTooSmall => "OFFSET_TOO_SMALL",
            Self::OffsetFoundNull => "OFFSET_FOUND_NULL",
        }
    }
}

/// How much one answer may hold. Apache's defaults: `maxTransfer{Bytes,Count}OnMessageIn{Memory,Disk}`.
#[derive(Clone, Copy, Debug)]
pub struct PullLimits {
    /// Messages and bytes when they are in memory.
    pub memory: (usize, usize),
    /// Messages and bytes when they have to come from the disk.
    pub disk: (usize, usize),
    /// Entries looked at, matching or not.
    pub scan: usize,
}

impl PullLimits {
    /// The defaults, for a request of `max_messages`.
    #[must_use]
    pub fn new(max_messages: usize) -> Self {
        Self {
            memory: (max_messages.min(32), 262_144),
            disk: (max_messages.min(8), 65_536),
            scan: (16_000 / ENTRY).max(max_messages),
        }
    }
}

/// Which messages of a queue a read is for.
pub trait Select {
    /// Looks at the tag code of a ConsumeQueue entry.
    fn wants_tag(&self, tag_code: i64) -> bool;

    /// Looks at the record, where the entry is wanted.
    fn wants_record(&self, _record: &[u8]) -> bool {
        true
    }
}

impl<F: Fn(i64) -> bool> Select for F {
    fn wants_tag(&self, tag_code: i64) -> bool {
        self(tag_code)
    }
}

/// What a read of a queue found.
#[derive(Debug)]
pub struct Pulled {
    /// How it went.
    pub status: PullStatus,
    /// Where to read next.
    pub next_offset: QueueOffset,
    /// First offset of the queue.
    pub min_offset: QueueOffset,
    /// Next offset of the queue, as consumers may know it.
    pub max_offset: QueueOffset,
    /// Messages found.
    pub count: usize,
    /// Bytes of them.
    pub len: usize,
    /// The records, neighbours in the log in one piece.
    runs: SmallVec<[Run; 1]>,
    /// Those that were stored before this process was there: see [`Store::check`](crate::Store::check).
    unchecked: Vec<(QueueOffset, Entry)>,
}

#[derive(Debug)]
struct Run {
    segment: Arc<Segment>,
    start: PhysicalOffset,
    end: PhysicalOffset,
}

impl Pulled {
    pub(crate) fn nothing(status: PullStatus, next: QueueOffset, min: QueueOffset, max: QueueOffset) -> Self {
        Self {
            status,
            next_offset: next,
            min_offset: min,
            max_offset: max,
            count: 0,
            len: 0,
            runs: SmallVec::new(),
            unchecked: Vec::new(),
        }
    }

    /// True when it has to be checked before it is given out, which reads all of it.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        !self.unchecked.is_empty() || self.status == PullStatus::OffsetFoundNull
    }

    pub(crate) fn unchecked(&self) -> &[(QueueOffset, Entry)] {
        &self.unchecked
    }

    /// Everything in it is as it was stored.
    pub(crate) fn checked(&mut self) {
        self.unchecked.clear();
    }

    /// Whoever asked asks again, from `next`.
    pub(crate) fn again_from(&self, next: QueueOffset) -> Self {
        Self::nothing(PullStatus::MessageWasRemoving, next, self.min_offset, self.max_offset)
    }

    fn add(&mut self, segment: &Arc<Segment>, offset: QueueOffset, entry: Entry, is_old: bool) {
        if is_old {
            self.unchecked.push((offset, entry));
        }
        self.count += 1;
        self.len += entry.size as usize;
        match self.runs.last_mut() {
            Some(run) if run.end == entry.physical_offset && Arc::ptr_eq(&run.segment, segment) => {
                run.end = entry.end()
            }
            _ => self.runs.push(Run {
                segment: Arc::clone(segment),
                start: entry.physical_offset,
                end: entry.end(),
            }),
        }
    }

    /// Place in the log of the first record.
    #[must_use]
    pub fn first_offset(&self) -> Option<PhysicalOffset> {
        self.runs.first().map(|run| run.start)
    }

    /// The records as shared slices of the log, to be written to the socket as they are.
    pub fn slices(&self) -> impl Iterator<Item = Bytes> {
        self.runs.iter().map(|run| run.segment.bytes(run.start, run.end))
    }

    /// True when sending them needs no disk. A cold read belongs on a thread that may block: see [`warm`](Self::warm).
    #[must_use]
    pub fn is_resident(&self) -> bool {
        self.runs.iter().all(|run| run.segment.mapping().is_resident(run.segment.range(run.start, run.end)))
    }

    /// Brings the records into memory, waiting for the disk.
    ///
    /// # Errors
    /// When the disk does not give them: to touch them would end the process.
    pub fn warm(&self) -> io::Result<()> {
        for run in &self.runs {
            let mapping = run.segment.mapping();
            let range = run.segment.range(run.start, run.end);
            let start = range.start / crate::mapping::PAGE * crate::mapping::PAGE;
            match mapping.warm_for_reading(start..range.end) {
                Ok(()) => {}
                // Kernels before 5.14 do not know how: touching has the same effect.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    let touched: u8 =
                        mapping.published(range).iter().step_by(crate::mapping::PAGE).fold(0, |a, b| a ^ b);
                    std::hint::black_box(touched);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Bytes behind the end of the log that are taken to be in memory: 40 % of it, as in Apache
/// (`accessMessageInMemoryMaxRatio`).
pub(crate) fn hot_window() -> i64 {
    static WINDOW: OnceLock<i64> = OnceLock::new();
    *WINDOW.get_or_init(|| (sys::memory_limit() / 10 * 4) as i64)
}

/// The part of the log that may be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// Before it lies what was stored before this process was there.
    pub(crate) own: PhysicalOffset,
    /// Of the log, for consumers.
    pub(crate) end: PhysicalOffset,
}

thread_local! {
    /// Where a pull reads entries to: one after the other uses it.
    static ENTRIES: Cell<Vec<Entry>> = const { Cell::new(Vec::new()) };
}

/// Entries that it keeps room for. What looks through a queue for a filter takes more.
const ENTRIES_KEPT: usize = 128;

/// Reads `queue` from `offset`.
pub(crate) fn pull(
    queue: &ConsumeQueue,
    segments: &Segments,
    offset: QueueOffset,
    limits: PullLimits,
    Window { own, end }: Window,
    select: &impl Select,
) -> io::Result<Pulled> {
    let (min, max) = (queue.min_offset(), queue.max_offset(end));
    let nothing = |status, next| Ok(Pulled::nothing(status, next, min, max));
    if max == QueueOffset(0) {
        return nothing(PullStatus::NoMessageInQueue, QueueOffset(0));
    }
    if offset < min {
        return nothing(PullStatus::OffsetTooSmall, min);
    }
    if offset == max {
        return nothing(PullStatus::OffsetOverflowOne, offset);
    }
    if offset > max {
        return nothing(PullStatus::OffsetOverflowBadly, max);
    }
    // As many as are asked for are enough, if all of them match.
    let mut together = limits.memory.0.clamp(1, limits.scan);
    let mut entries = ENTRIES.take();
    let mut pulled = Pulled::nothing(PullStatus::NoMatchedMessage, offset, min, max);
    let mut removed = false;
    let mut segment: Option<Arc<Segment>> = None;
    let mut cold = false;
    let mut scanned = 0;
    'more: while scanned < limits.scan {
        queue.read(pulled.next_offset, together.min(limits.scan - scanned), end, &mut entries)?;
        if entries.is_empty() {
            break;
        }
        together = together.saturating_mul(4);
        for entry in &entries {
            scanned += 1;
            if !entry.is_hole() && select.wants_tag(entry.tag_code) {
                if !segment
                    .as_ref()
                    .is_some_and(|s| s.base() <= entry.physical_offset && entry.end() <= s.end())
                {
                    segment = segments.find(entry.physical_offset);
                }
                let segment = segment.as_ref().filter(|segment| entry.end() <= segment.end());
                let Some(segment) = segment else {
                    // Its message has expired just now, or the entry is wrong.
                    pulled.unchecked.push((pulled.next_offset, *entry));
                    break 'more;
                };
                let range = segment.range(entry.physical_offset, entry.end());
                if !select.wants_record(segment.mapping().published(range)) {
                    pulled.next_offset = pulled.next_offset + 1;
                    continue;
                }
                cold |= end - entry.physical_offset > hot_window();
                let (messages, bytes) = if cold { limits.disk } else { limits.memory };
                // The first message goes out whatever its size.
                if pulled.count > 0 && (pulled.count >= messages || pulled.len + entry.size as usize > bytes)
                {
                    break 'more;
                }
                pulled.add(segment, pulled.next_offset, *entry, entry.physical_offset < own);
            } else {
                removed |= entry.is_hole();
            }
            pulled.next_offset = pulled.next_offset + 1;
            if pulled.count >= limits.memory.0 {
                break 'more;
            }
        }
    }
    entries.clear();
    entries.shrink_to(ENTRIES_KEPT);
    ENTRIES.set(entries);
    if pulled.count > 0 {
        pulled.status = PullStatus::Found;
    } else if scanned == 0 {
        pulled.status = PullStatus::OffsetFoundNull;
    } else if removed {
        pulled.status = PullStatus::MessageWasRemoving;
    }
    Ok(pulled)
}

/// Which of several messages a search by time means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// The first stored at or after the time; the next offset when there is none.
    Lower,
    /// The last stored at or before the time.
    Upper,
}

/// The offset in `queue` that belongs to a store time. `stored` tells when the message of an entry was stored.
pub(crate) fn search(
    queue: &ConsumeQueue,
    timestamp: i64,
    boundary: Boundary,
    end: PhysicalOffset,
    stored: impl Fn(Entry) -> Option<i64>,
) -> io::Result<QueueOffset> {
    let (min, max) = (queue.min_offset().0, queue.max_offset(end).0);
    let (mut low, mut high) = (min, max);
    // Store times never fall along the log.
    while low < high {
        let middle = low + (high - low) / 2;
        let time = match queue.entry(QueueOffset(middle), end)? {
            Some(entry) if !entry.is_hole() => stored(entry).unwrap_or(i64::MIN),
            _ => i64::MIN,
        };
        let before = match boundary {
            Boundary::Lower => time < timestamp,
            Boundary::Upper => time <= timestamp,
        };
        if before { low = middle + 1 } else { high = middle }
    }
    Ok(QueueOffset(match boundary {
        Boundary::Lower => low,
        Boundary::Upper => (low - 1).max(min),
    }))
}
