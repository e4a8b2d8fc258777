//! How far the log is on the disk, noted where it costs nothing: in a mapped page, which the kernel writes when it likes.
//!
//! After a kill it is exact, after a power cut it may be old; it is never too high. So whatever is wrong in the log below it is
//! damage, and no reason to throw away what lies behind, while above it the log may end anywhere.
//!
//! Two longs at 2048 of the checkpoint's file, a sector of their own: the offset, and its complement. Apache's broker does not look
//! at them; the caller does not either when that had the store in between.

use crate::PhysicalOffset;
use crate::mapping::Mapping;
use std::fs::File;
use std::io;
use std::sync::atomic::Ordering;

const AT: usize = 2048;

#[derive(Debug)]
pub(crate) struct Watermark(Mapping);

impl Watermark {
    /// Of a checkpoint's file of `len` bytes.
    pub(crate) fn map(file: &File, len: usize) -> io::Result<Self> {
        Ok(Self(Mapping::new(file, len)?))
    }

    /// What was noted last; `None` when nothing was, or not to the end.
    pub(crate) fn get(&self) -> Option<PhysicalOffset> {
        let long = |at| Some(u64::from_be(self.0.cell64(at)?.load(Ordering::Acquire)));
        let (offset, complement) = (long(AT)?, long(AT + 8)?);
        (offset == !complement).then_some(PhysicalOffset(offset as i64))
    }

    /// Notes that the log is on the disk up to `offset`.
    pub(crate) fn set(&self, offset: PhysicalOffset) {
        for (at, value) in [(AT, offset.0 as u64), (AT + 8, !(offset.0 as u64))] {
            if let Some(cell) = self.0.cell64(at) {
                cell.store(value.to_be(), Ordering::Release);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt as _;

    #[test]
    fn what_was_noted_is_found_again_and_half_of_it_is_nothing() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(4096).unwrap();
        let mark = Watermark::map(&file, 4096).unwrap();
        assert_eq!(mark.get(), None);
        mark.set(PhysicalOffset(77));
        assert_eq!(Watermark::map(&file, 4096).unwrap().get(), Some(PhysicalOffset(77)));
        file.write_all_at(&[1], AT as u64).unwrap();
        assert_eq!(mark.get(), None);
    }
}
