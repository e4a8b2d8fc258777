//! The CommitLog: every message of every topic, one after the other (Apache: `CommitLog`, `MappedFileQueue`).
//!
//! Files have one size and 20-digit names; a record never crosses a file. When a record and the 8 bytes of a filler do
//! not fit the rest of a file, the rest is a filler (`remaining i32, MAGIC_BLANK`) and the record opens the next file.

mod append;
mod flush;
mod readahead;
mod segment;
mod segments;
mod whole;

pub use append::{Appended, NewMessage, Tag, Turn};
pub(crate) use append::{Placed, Tip};
pub(crate) use flush::Flusher;
pub(crate) use readahead::{Ahead, AheadJob};
pub use segment::Segment;
pub(crate) use segments::Segments;
pub(crate) use whole::{Durable, most_records_in, next_whole, whole_at as whole_record};

use crate::PhysicalOffset;
use bytes::Bytes;
use gantry_message::Record;
use gantry_message::record::{self, RecordError};

/// A place in the log while reading it from front to back.
pub(crate) struct Scan<'a> {
    segments: &'a Segments,
    at: PhysicalOffset,
    end: PhysicalOffset,
    whole: Option<Durable>,
}

/// What stands at a place of the log.
pub(crate) enum Step<'a> {
    /// A record, its fields borrowed from the map.
    Record(&'a Record<'a>, usize),
    /// Nothing, or nothing whole: the log ends here.
    End,
}

impl<'a> Scan<'a> {
    /// Reads from `start`, a record's or a file's first byte, to `end`. `whole`: what is not whole is no record.
    pub(crate) fn new(
        segments: &'a Segments,
        start: PhysicalOffset,
        end: PhysicalOffset,
        whole: Option<Durable>,
    ) -> Self {
        Self { segments, at: start, end, whole }
    }

    pub(crate) fn at(&self) -> PhysicalOffset {
        self.at
    }

    /// Hands the next record to `visit`, or says that the log ends. Fillers are passed over.
    pub(crate) fn step(&mut self, visit: impl FnOnce(Step<'_>)) -> bool {
        loop {
            if self.at >= self.end {
                visit(Step::End);
                return false;
            }
            let Some(segment) = self.segments.find(self.at) else {
                visit(Step::End);
                return false;
            };
            let range = segment.range(self.at, segment.end());
            let position = range.start;
            let bytes = segment.mapping().published(range);
            match Record::read(bytes) {
                Ok((record, len)) if self.accepts(&segment, &record, len, bytes, position) => {
                    visit(Step::Record(&record, len));
                    self.at = self.at + len as i64;
                    return true;
                }
                Err(RecordError::Blank) => self.at = segment.end(),
                // A file's last bytes may be too few even for a filler's head, when a record filled it up to them.
                Err(RecordError::Truncated) if bytes.len() < record::BLANK_LEN => self.at = segment.end(),
                _ => {
                    visit(Step::End);
                    return false;
                }
            }
        }
    }

    fn accepts(
        &self,
        segment: &Segment,
        record: &Record<'_>,
        len: usize,
        bytes: &[u8],
        position: usize,
    ) -> bool {
        record.physical_offset == self.at.0
            && self.whole.is_none_or(|durable| {
                durable.is_whole(record, bytes, position)
                    && whole::is_complete(segment, record, self.at + len as i64, durable)
            })
    }

    /// After an end that is none: goes on at the next whole record. Gives the bytes that it passes over; `None` when there is
    /// no other record.
    pub(crate) fn skip_damage(&mut self) -> Option<i64> {
        let next = next_whole(self.segments, self.at, self.end, self.whole.unwrap_or(Durable::ALL))?;
        let skipped = next - self.at;
        self.at = next;
        Some(skipped)
    }
}

impl Scan<'_> {
    /// Goes on at `offset`, a record's first byte or the end.
    pub(crate) fn skip_to(&mut self, offset: PhysicalOffset) {
        self.at = offset;
    }

    /// There are only zeros from here to `end`.
    pub(crate) fn is_blank(&self, end: PhysicalOffset) -> bool {
        let mut at = self.at;
        while at < end {
            let Some(segment) = self.segments.find(at) else { break };
            if segment.mapping().published(segment.range(at, end)).iter().any(|byte| *byte != 0) {
                return false;
            }
            at = segment.end();
        }
        true
    }
}

/// The record at `offset`, whole, if one starts there.
pub(crate) fn read_at(segments: &Segments, offset: PhysicalOffset, end: PhysicalOffset) -> Option<Bytes> {
    if offset >= end {
        return None;
    }
    let segment = segments.find(offset)?;
    let bytes = segment.mapping().published(segment.range(offset, end));
    let (record, len) = Record::read(bytes).ok()?;
    (record.physical_offset == offset.0).then(|| segment.bytes(offset, offset + len as i64))
}
