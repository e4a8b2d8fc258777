//! One entry of a ConsumeQueue: `physicalOffset i64 | size i32 | tagCode i64` (Apache: `ConsumeQueue.CQ_STORE_UNIT_SIZE`).

use crate::PhysicalOffset;

/// Bytes of an entry.
pub(crate) const ENTRY: usize = 20;

/// Where a message is, and the code of its tag (for delayed messages: when it is due).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Place of the record.
    pub physical_offset: PhysicalOffset,
    /// Bytes of the record.
    pub size: i32,
    /// Hash of the tag, 0 without one; milliseconds of delivery in the schedule and timer topics.
    pub tag_code: i64,
}

impl Entry {
    /// Stands for an offset whose message is not in the log any more. Apache fills the start of a queue that begins
    /// beyond 0 with these.
    pub(crate) const HOLE: Self = Self { physical_offset: PhysicalOffset(0), size: i32::MAX, tag_code: 0 };

    /// First byte after the record.
    #[must_use]
    pub fn end(&self) -> PhysicalOffset {
        self.physical_offset + i64::from(self.size)
    }

    /// True when it stands for an offset whose message is not in the log any more.
    #[must_use]
    pub fn is_hole(&self) -> bool {
        self.size == i32::MAX
    }

    pub(crate) fn to_bytes(self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        let (physical, rest) = bytes.split_at_mut(8);
        let (size, tag) = rest.split_at_mut(4);
        physical.copy_from_slice(&self.physical_offset.0.to_be_bytes());
        size.copy_from_slice(&self.size.to_be_bytes());
        tag.copy_from_slice(&self.tag_code.to_be_bytes());
        bytes
    }

    /// `None` for bytes that were never written.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (physical, rest) = bytes.split_first_chunk::<8>()?;
        let (size, rest) = rest.split_first_chunk::<4>()?;
        let tag = rest.first_chunk::<8>()?;
        let entry = Self {
            physical_offset: PhysicalOffset(i64::from_be_bytes(*physical)),
            size: i32::from_be_bytes(*size),
            tag_code: i64::from_be_bytes(*tag),
        };
        (entry.size > 0 && entry.physical_offset.0 >= 0).then_some(entry)
    }
}
