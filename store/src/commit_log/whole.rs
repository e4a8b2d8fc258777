//! Telling a record that is all there from one that is not, and finding the next after one that is not.
//!
//! Only the body has a checksum. What of a record did not reach the disk is zeros there: a topic has no zeros, clients' properties
//! are refused with any, and lengths that are zero do not add up.
//!
//! A sector may have reached the disk while a record was being copied into it, with a flush of those before it, and not once more
//! when the record was all there: a single zero tells. Where all of the log was on the disk once, whole sectors are what a disk may
//! lose, and properties that Apache's broker stored may have zeros.

use super::{Segment, Segments};
use crate::faults::{Fault, has};
use crate::{PhysicalOffset, sys};
use gantry_message::{Record, name, properties, record};
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// What disks write as a whole or not at all.
const SECTOR: usize = 512;
/// The start of both magics.
const MAGIC: [u8; 3] = [0xDA, 0xA3, 0x20];
/// Where the magic stands in a record.
const MAGIC_AT: usize = 4;

/// Up to where all of the log was on the disk once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Durable(PhysicalOffset);

impl Durable {
    /// All of it, as far as anybody knows.
    pub(crate) const ALL: Self = Self(PhysicalOffset(i64::MAX));

    pub(crate) fn up_to(end: PhysicalOffset) -> Self {
        Self(end)
    }

    /// True when the record that was read from `bytes`, at `position` of its file, is as it was written.
    pub(crate) fn is_whole(self, record: &Record<'_>, bytes: &[u8], position: usize) -> bool {
        if has(Fault::TornAccepted) {
            return true;
        }
        let was_there = record.physical_offset < self.0.0;
        let within = |text: &str| text.as_ptr().addr() - bytes.as_ptr().addr();
        let is_there = |text: &str| {
            if was_there {
                !has_blank_sector(text.as_bytes(), position + within(text))
            } else {
                memchr::memchr(0, text.as_bytes()).is_none()
            }
        };
        record.check_crc().is_ok() && is_there(record.topic) && is_there(record.properties)
    }
}

/// True when what belongs to the record before `at`, if that is a mark of the broker's, is whole too: see `Store::append_both`.
pub(crate) fn is_complete(
    segment: &Segment,
    record: &Record<'_>,
    mut at: PhysicalOffset,
    durable: Durable,
) -> bool {
    let followed_by = name::is_system_topic(record.topic).then(|| record.property(properties::FOLLOWED_BY));
    let Some(bytes) = followed_by.flatten().and_then(|bytes| bytes.parse::<i64>().ok()) else { return true };
    let end = at + bytes;
    while at < end {
        match whole_at(segment, at, durable) {
            Some((_, len)) => at = at + len as i64,
            None => return false,
        }
    }
    true
}

/// True when all of `bytes` that lies in some sector is zero.
fn has_blank_sector(mut bytes: &[u8], mut position: usize) -> bool {
    while !bytes.is_empty() {
        let (share, rest) = bytes.split_at(bytes.len().min(SECTOR - position % SECTOR));
        if share.iter().all(|byte| *byte == 0) {
            return true;
        }
        position += share.len();
        bytes = rest;
    }
    false
}

/// The record that starts at `offset` of `segment`, if one does that is whole; and its length.
pub(crate) fn whole_at(
    segment: &Segment,
    offset: PhysicalOffset,
    durable: Durable,
) -> Option<(Record<'_>, usize)> {
    let range = segment.range(offset, segment.end());
    let position = range.start;
    let bytes = segment.mapping().published(range);
    let (record, len) = Record::read(bytes).ok()?;
    (record.physical_offset == offset.0 && durable.is_whole(&record, bytes, position))
        .then_some((record, len))
}

/// Where the first whole record behind `after` starts, before `end`.
pub(crate) fn next_whole(
    segments: &Segments,
    after: PhysicalOffset,
    end: PhysicalOffset,
    durable: Durable,
) -> Option<PhysicalOffset> {
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(&MAGIC));
    let mut from = after + 1;
    while from < end {
        let segment = segments.find(from)?;
        let range = segment.range(from, end);
        // A file is mostly unused when it is new: nobody reads gigabytes of nothing.
        for data in sys::data_in(segment.file(), range) {
            let bytes = segment.mapping().published(data.clone());
            for hit in FINDER.find_iter(bytes) {
                let Some(start) = (data.start + hit).checked_sub(MAGIC_AT) else { continue };
                let start = segment.base() + start as i64;
                if start > after && whole_at(&segment, start, durable).is_some() {
                    return Some(start);
                }
            }
        }
        from = segment.end();
    }
    None
}

/// How many records at most were in so many bytes.
pub(crate) fn most_records_in(bytes: i64) -> i64 {
    bytes / record::FIXED_LEN as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sector_of_zeros_is_seen_wherever_it_begins() {
        let text = [[b'a'; 600].as_slice(), &[0; 512], &[b'b'; 600]].concat();
        assert!(has_blank_sector(&text, 512 * 3 - 600));
        assert!(!has_blank_sector(&text, 512 * 3 - 600 + 1), "no sector is all zeros");
        assert!(has_blank_sector(&[0], 511), "what of a sector is ours is zeros");
        assert!(!has_blank_sector(b"a", 0));
        assert!(!has_blank_sector(b"", 0));
    }
}
