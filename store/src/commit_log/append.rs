//! The end of the log, and how a message gets there: reserve, copy once, publish.

use super::Segment;
use crate::clock::now_ms;
use crate::{PhysicalOffset, QueueOffset};
use gantry_message::delay::DelayLevels;
use gantry_message::hash::tag_code;
use gantry_message::record::{self, BLANK_LEN, MAGIC_BLANK};
use gantry_message::{Host, Record, name, properties};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A message on its way into the log.
#[derive(Clone, Copy, Debug)]
pub struct NewMessage<'a> {
    /// The user's flag.
    pub flag: i32,
    /// See [`gantry_message::sys_flag`].
    pub sys_flag: i32,
    /// Milliseconds since the epoch, by the producer's clock.
    pub born_timestamp: i64,
    /// The producer.
    pub born_host: Host,
    /// How often it was delivered and failed.
    pub reconsume_times: i32,
    /// Physical offset of the half message it came from.
    pub prepared_transaction_offset: i64,
    /// The body as it shall be stored.
    pub body: &'a [u8],
    /// The property string.
    pub properties: &'a str,
    /// More properties, appended to the string: those that the broker adds to every message.
    pub extra_properties: &'a str,
    /// What the ConsumeQueue keeps for filtering.
    pub tag: Tag,
}

/// The `tagCode` of a ConsumeQueue entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// A tag's hash: see [`gantry_message::hash::tag_code`].
    Code(i64),
    /// For the schedule topic: the time of delivery, this long after storing.
    DueAfter(Duration),
    /// For what waits for a time that its property `TIMER_OUT_MS` has: milliseconds since the epoch.
    DueAt(i64),
}

impl Tag {
    /// The code that the stored record `topic`, `properties` has: what recovery writes again.
    pub(crate) fn of_record(record: &Record<'_>, levels: &DelayLevels) -> i64 {
        if matches!(record.topic, name::TIMER_TOPIC | name::POPS_TOPIC)
            && let Some(at) = record.property(properties::TIMER_OUT_MS)
        {
            return at.parse().unwrap_or(0);
        }
        if record.topic == name::SCHEDULE_TOPIC
            && let Some(delay) =
                record.property(properties::DELAY).and_then(|n| levels.delay(n.parse().ok()?))
        {
            return Self::DueAfter(delay).code(record.store_timestamp);
        }
        tag_code(record.property(properties::TAGS))
    }

    pub(crate) fn code(self, store_timestamp: i64) -> i64 {
        match self {
            Self::Code(code) | Self::DueAt(code) => code,
            Self::DueAfter(delay) => store_timestamp.saturating_add(delay.as_millis() as i64),
        }
    }
}

/// A number that says which queues take which messages. Whoever chose a queue by it appends only while it still holds; it is
/// changed within [`append_at_ends`](crate::Store::append_at_ends) only, so that no message comes late.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// The number now.
    pub current: &'a AtomicU64,
    /// The number by which the queue was chosen.
    pub chosen_by: u64,
}

impl Turn<'_> {
    pub(crate) fn is_over(&self) -> bool {
        self.current.load(Ordering::Acquire) != self.chosen_by
    }
}

/// Where a message was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its place in the log.
    pub physical_offset: PhysicalOffset,
    /// Its place in the queue.
    pub queue_offset: QueueOffset,
    /// The first byte after it: safe once the log is durable up to here.
    pub end: PhysicalOffset,
    /// Milliseconds since the epoch.
    pub store_timestamp: i64,
}

/// The end of the log. Guarded by one lock, held for the copy of a record and never across I/O.
#[derive(Debug)]
pub(crate) struct Tip {
    pub(crate) segment: Arc<Segment>,
    /// Position in the segment.
    pub(crate) at: usize,
    /// Store timestamps never go back within the log, whatever the clock does.
    pub(crate) last_timestamp: i64,
    /// Where the last record starts; 0 when that is not known.
    pub(crate) last: PhysicalOffset,
}

/// Space for a record, or the news that the file has none.
pub(crate) enum Placed {
    Fits(PhysicalOffset),
    /// The rest of the file is too small; the next file is needed first.
    FileFull,
}

impl Tip {
    pub(crate) fn end(&self) -> PhysicalOffset {
        self.segment.base() + self.at as i64
    }

    pub(crate) fn timestamp(&mut self) -> i64 {
        self.last_timestamp = self.last_timestamp.max(now_ms());
        self.last_timestamp
    }

    /// Apache's rule: a record fits when a filler's head still fits behind it.
    pub(crate) fn place(&self, len: usize) -> Placed {
        if self.at + len + BLANK_LEN <= self.segment.mapping().len() {
            Placed::Fits(self.end())
        } else {
            Placed::FileFull
        }
    }

    /// Copies a record to `at_offset`, all but its length, which stays 0 until [`seal`](Self::seal).
    ///
    /// The position moves behind the record at once: a batch is several of these, sealed together at the end.
    pub(crate) fn write(&mut self, record: &Record<'_>, extra: &str, len: usize) {
        let start = self.at;
        self.last = self.end();
        // SAFETY: the tip's lock is held and nothing from `at` on is published: these bytes are ours alone.
        unsafe {
            self.segment.mapping().write(start..start + len, |out| record.write_unsealed(out, extra));
        }
        self.at = start + len;
    }

    /// Makes the record of `len` bytes at `offset` one that recovery sees.
    pub(crate) fn seal(&self, offset: PhysicalOffset, len: usize) {
        let at = (offset - self.segment.base()) as usize;
        // SAFETY: as in `write`: not published yet, and the tip's lock is held.
        unsafe { self.segment.mapping().seal(at, (len as u32).to_be_bytes()) };
    }

    /// Fills the rest of the file and goes on in `next`.
    pub(crate) fn roll(&mut self, next: Arc<Segment>) {
        let rest = self.segment.mapping().len() - self.at;
        if rest >= BLANK_LEN {
            // SAFETY: as in `write`.
            unsafe {
                self.segment
                    .mapping()
                    .write(self.at + 4..self.at + 8, |out| out.copy_from_slice(&MAGIC_BLANK.to_be_bytes()));
                self.segment.mapping().seal(self.at, (rest as u32).to_be_bytes());
            }
        }
        debug_assert_eq!(next.base(), self.segment.end());
        self.segment = next;
        self.at = 0;
    }
}

impl<'a> NewMessage<'a> {
    /// A stored message once more.
    #[must_use]
    pub fn again(record: &Record<'a>) -> Self {
        Self {
            flag: record.flag,
            sys_flag: record.sys_flag,
            born_timestamp: record.born_timestamp,
            born_host: record.born_host,
            reconsume_times: record.reconsume_times,
            prepared_transaction_offset: 0,
            body: record.body,
            properties: record.properties,
            extra_properties: "",
            tag: Tag::Code(tag_code(record.property(properties::TAGS))),
        }
    }

    /// A message of the broker's own, born at `now` (milliseconds since the epoch).
    #[must_use]
    pub fn own(now: i64, body: &'a [u8], properties: &'a str) -> Self {
        Self {
            flag: 0,
            sys_flag: 0,
            born_timestamp: now,
            born_host: Host::new(SocketAddr::from(([0, 0, 0, 0], 0))),
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body,
            properties,
            extra_properties: "",
            tag: Tag::Code(tag_code(properties::find(properties, properties::TAGS))),
        }
    }

    /// Bytes of the record.
    pub(crate) fn record_len(&self, topic: &str, store_host: Host) -> usize {
        let properties = self.properties.len() + self.extra_properties.len();
        record::encoded_len(self.born_host, store_host, self.body.len(), topic.len(), properties)
    }
}
