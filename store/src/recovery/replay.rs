//! Reading the log's newest part into the queues.
//!
//! The queue offset in a record is the rule, and has no checksum. A record that says another than its queue expects waits for the
//! next of that queue: it was right when that goes on from it, and damaged when that goes on without it.

use super::{Recovery, Start};
use crate::checkpoint::{Checkpoint, Found};
use crate::clock::now_ms;
use crate::commit_log::{Scan, Step, Tag, most_records_in};
use crate::consume_queue::{ConsumeQueue, Entry};
use crate::dispatch::Unsynced;
use crate::faults::step;
use crate::{PhysicalOffset, QueueOffset};
use gantry_message::{Record, name};
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Records between two writes of the queues' tails, which bounds the memory of a rebuild.
const TAIL_EVERY: u64 = 500_000;
/// Records between two looks at the clock.
const LOOK_EVERY: u64 = 1024;
const DAY_MS: i64 = 24 * 3600 * 1000;
const TELL_EVERY: Duration = Duration::from_secs(5);

/// What a replay came to.
#[derive(Debug)]
pub(super) struct Replayed {
    pub(super) end: PhysicalOffset,
    pub(super) last_timestamp: i64,
    pub(super) last: PhysicalOffset,
    pub(super) unsynced: Unsynced,
}

pub(super) struct Replay<'a, 'b> {
    recovery: &'a mut Recovery<'b>,
    start: &'a Start,
    last_timestamp: i64,
    /// Where the last record starts.
    last: PhysicalOffset,
    /// Where queues ended that are built anew: no offset is given twice.
    floors: HashMap<Key, (Arc<ConsumeQueue>, QueueOffset)>,
    /// A store time beyond is none, but damage: nothing would be stored before it any more.
    latest: i64,
    /// Bytes of damage that were passed over.
    skipped: i64,
    /// Records that said another offset than their queue expects, by their queues.
    odd: HashMap<Key, Odd>,
    /// Queues that had a record in this replay.
    met: HashSet<Key>,
    unsynced: Unsynced,
}

/// A message has no higher offset in its queue than there may be records before it in the log.
fn may_have(offset: QueueOffset, entry: Entry) -> bool {
    (0..=most_records_in(entry.physical_offset.0)).contains(&offset.0)
}

/// Where a queue is in memory: it stays there as long as the table has it.
type Key = *const ConsumeQueue;

struct Odd {
    queue: Arc<ConsumeQueue>,
    offset: QueueOffset,
    entry: Entry,
}

impl<'a, 'b> Replay<'a, 'b> {
    pub(super) fn new(recovery: &'a mut Recovery<'b>, start: &'a Start) -> Self {
        let floor = |(queue, next): &(Arc<ConsumeQueue>, QueueOffset)| {
            (Arc::as_ptr(queue), (Arc::clone(queue), *next))
        };
        Self {
            recovery,
            start,
            last_timestamp: 0,
            last: start.last,
            floors: start.floors.iter().map(floor).collect(),
            latest: now_ms() + DAY_MS,
            skipped: 0,
            odd: HashMap::new(),
            met: HashSet::new(),
            unsynced: if start.is_cut { Unsynced::Many } else { Unsynced::default() },
        }
    }

    pub(super) fn run(mut self) -> io::Result<Replayed> {
        let segments = self.recovery.segments;
        let mut scan =
            Scan::new(segments, self.start.at, PhysicalOffset(i64::MAX), Some(self.recovery.known()));
        let (mut count, mut told) = (0_u64, Instant::now());
        let mut kept = self.start.at;
        self.recovery.progress.begin(kept, segments.all().last().map_or(kept, |last| last.end()));
        loop {
            let mut result = Ok(());
            while scan.step(|step| {
                if let Step::Record(record, len) = step {
                    if record.store_timestamp <= self.latest {
                        self.last_timestamp = self.last_timestamp.max(record.store_timestamp);
                    }
                    self.last = PhysicalOffset(record.physical_offset);
                    result = self.record(record, len);
                }
            }) {
                std::mem::replace(&mut result, Ok(()))?;
                count += 1;
                let at = scan.at();
                if count.is_multiple_of(TAIL_EVERY) || (at - kept) as u64 > self.recovery.keep_every {
                    kept = at;
                    self.keep(at)?;
                }
                if count.is_multiple_of(LOOK_EVERY) {
                    self.recovery.progress.reach(at);
                    if told.elapsed() > TELL_EVERY {
                        told = Instant::now();
                        tracing::info!(records = count, from = %self.start.at, %at, progress = %self.recovery.progress, "recovering");
                    }
                }
            }
            if !self.goes_on(&mut scan) {
                break;
            }
        }
        self.settle_odd()?;
        self.keep_floors(scan.at())?;
        if count > 0 {
            let clean = self.recovery.clean;
            tracing::info!(records = count, from = %self.start.at, to = %scan.at(), clean, "recovered");
        }
        Ok(Replayed {
            end: scan.at(),
            last_timestamp: self.last_timestamp,
            last: self.last,
            unsynced: self.unsynced,
        })
    }

    /// Where no whole record is: damage, when the log was on the disk up to there once and there is more; else its end.
    fn goes_on(&mut self, scan: &mut Scan<'_>) -> bool {
        let (at, durable) = (scan.at(), self.recovery.durable);
        if at >= durable {
            return false;
        }
        match scan.skip_damage() {
            Some(skipped) => {
                tracing::error!(%at, bytes = skipped, "the CommitLog is damaged: what stood there is lost, the rest is read on");
                self.skipped += skipped;
                true
            }
            None if scan.is_blank(durable) || !self.recovery.knows_the_log() => false,
            None => {
                tracing::error!(%at, to = %durable, "the CommitLog is damaged: what stood there is lost");
                self.skipped += durable - at;
                scan.skip_to(durable);
                false
            }
        }
    }

    /// Brings what was read so far to the disk, so that whoever is interrupted goes on from here.
    fn keep(&mut self, at: PhysicalOffset) -> io::Result<()> {
        self.recovery.dirty.write(at, &mut self.unsynced)?;
        if !self.odd.is_empty() {
            return Ok(());
        }
        if self.start.is_rebuild {
            self.unsynced = Unsynced::Many;
        }
        self.unsynced.sync(self.recovery.root)?;
        step("recovery: progress synced");
        let indexed = match self.recovery.checkpoint {
            Found::Ours(checkpoint) => checkpoint.indexed,
            _ => PhysicalOffset(0),
        };
        self.recovery.checkpoint_file.write(Checkpoint {
            dispatched: at,
            indexed,
            queues: self.recovery.queues.digest(),
            boot: self.recovery.boot,
            timestamp: self.last_timestamp.max(self.start.timestamp),
            last: self.last,
        })?;
        step("recovery: progress kept");
        Ok(())
    }

    fn record(&mut self, record: &Record<'_>, len: usize) -> io::Result<()> {
        // A damaged or hostile log must not name folders.
        if !record.is_queued() || name::check_topic(record.topic).is_err() || record.queue_id < 0 {
            return Ok(());
        }
        let queue = self.recovery.queues.get_or_create(record.topic, record.queue_id);
        let entry = Entry {
            physical_offset: PhysicalOffset(record.physical_offset),
            size: len as i32,
            tag_code: Tag::of_record(record, self.recovery.levels),
        };
        let offset = QueueOffset(record.queue_offset);
        let key = Arc::as_ptr(&queue);
        if !self.odd.is_empty()
            && let Some(odd) = self.odd.remove(&key)
        {
            self.decide(odd, Some(offset))?;
        }
        let is_first = self.met.insert(key);
        if offset == queue.next_offset() {
            self.push(queue, entry);
        } else if !may_have(offset, entry) {
            tracing::error!(topic = record.topic, queue = record.queue_id, at = %entry.physical_offset, says = %offset, "a record is damaged: its message is lost");
            self.push(queue, Entry::HOLE);
        } else if offset < queue.next_offset() && queue.knows(offset, entry)? {
            // Read twice.
        } else if self.is_plausible_gap(&queue, offset, is_first)? {
            self.skip_to(&queue, offset)?;
            self.push(queue, entry);
        } else {
            self.odd.insert(key, Odd { queue, offset, entry });
        }
        if record.topic == name::DELETED_TOPICS_TOPIC {
            self.forget(&String::from_utf8_lossy(record.body))?;
        }
        Ok(())
    }

    /// A topic was deleted there; what stands behind is of another of that name.
    fn forget(&mut self, topic: &str) -> io::Result<()> {
        for queue in self.recovery.queues.remove(topic) {
            self.odd.remove(&Arc::as_ptr(&queue));
            self.met.remove(&Arc::as_ptr(&queue));
            self.floors.remove(&Arc::as_ptr(&queue));
            queue.mark_deleted();
            queue.delete_files()?;
        }
        if name::check_topic(topic).is_ok() {
            self.recovery.queues.remove_dir(topic)?;
        }
        Ok(())
    }

    /// Messages before `offset` may well be missing: they expired, or were in what was passed over.
    fn is_plausible_gap(
        &self,
        queue: &ConsumeQueue,
        offset: QueueOffset,
        is_first: bool,
    ) -> io::Result<bool> {
        let gap = offset - queue.next_offset();
        let in_damage = gap <= most_records_in(self.skipped);
        Ok(gap > 0 && (in_damage || (is_first && (self.start.is_rebuild || queue.is_new()?))))
    }

    /// What a record was that said another offset than its queue expected, by what the next of that queue says.
    fn decide(&mut self, odd: Odd, next: Option<QueueOffset>) -> io::Result<()> {
        let Odd { queue, offset, entry } = odd;
        let is_right = match next {
            Some(next) => next == offset + 1,
            // Of a topic that was made anew there may be one message only.
            None => offset == QueueOffset(0),
        };
        if !is_right {
            tracing::error!(
                topic = queue.topic(), queue = queue.id(), at = %entry.physical_offset, says = %offset, expected = %queue.next_offset(),
                "a record is damaged: its message is lost"
            );
            self.push(queue, Entry::HOLE);
            return Ok(());
        }
        if offset < queue.next_offset() {
            tracing::warn!(topic = queue.topic(), queue = queue.id(), %offset, was = %queue.next_offset(), "queue starts over: the topic was made anew");
            queue.start_over(offset)?;
            self.floors.remove(&Arc::as_ptr(&queue));
            self.unsynced = Unsynced::Many;
        } else {
            self.skip_to(&queue, offset)?;
        }
        self.push(queue, entry);
        Ok(())
    }

    fn settle_odd(&mut self) -> io::Result<()> {
        for (_, odd) in std::mem::take(&mut self.odd) {
            self.decide(odd, None)?;
        }
        Ok(())
    }
    /// The last messages of a queue may be those that are damaged, and some consumer has had them.
    fn keep_floors(&mut self, end: PhysicalOffset) -> io::Result<()> {
        for (queue, floor) in std::mem::take(&mut self.floors).into_values() {
            if queue.next_offset() < floor && floor.0 <= most_records_in(end.0) {
                self.skip_to(&queue, floor)?;
            }
        }
        Ok(())
    }

    fn skip_to(&mut self, queue: &ConsumeQueue, offset: QueueOffset) -> io::Result<()> {
        if !queue.is_new()? {
            tracing::warn!(topic = queue.topic(), queue = queue.id(), %offset, expected = %queue.next_offset(), "messages are missing from the log");
        }
        queue.skip_to(offset)?;
        self.unsynced = Unsynced::Many;
        Ok(())
    }

    fn push(&self, queue: Arc<ConsumeQueue>, entry: Entry) {
        if queue.push(entry) {
            self.recovery.dirty.add(queue);
        }
    }
}
