//! A file mapped into memory: the only module that handles raw memory.
//!
//! Whoever appends to a mapping owns the bytes at and after its position; readers look only at bytes that the owner
//! published and will not touch again. That contract is what makes the slices below sound. Other processes are kept away
//! by the store's lock file.

use bytes::Bytes;
use memmap2::{Advice, MmapOptions, MmapRaw};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// Bytes of a page. Larger system pages make the ranges below coarser, never wrong.
pub(crate) const PAGE: usize = 4096;

/// Pages that the kernel is asked about in one call.
const PAGES_AT_ONCE: usize = 128;

#[derive(Debug)]
pub(crate) struct Mapping {
    raw: MmapRaw,
}

impl Mapping {
    /// Maps `len` bytes of `file`, shared and writable.
    pub(crate) fn new(file: &File, len: usize) -> io::Result<Self> {
        Ok(Self { raw: MmapOptions::new().len(len).map_raw(file)? })
    }

    pub(crate) fn len(&self) -> usize {
        self.raw.len()
    }

    /// Published bytes; empty when `range` is out of bounds.
    ///
    /// The caller asks only for bytes that were published: they never change again while the mapping lives.
    pub(crate) fn published(&self, range: Range<usize>) -> &[u8] {
        if range.start > range.end || range.end > self.len() {
            return &[];
        }
        // SAFETY: in bounds by the check above, and alive as long as `self`. Published bytes have no writer (see the
        // module's contract), so a shared slice of them is sound.
        unsafe { std::slice::from_raw_parts(self.raw.as_ptr().add(range.start), range.len()) }
    }

    /// Lets `fill` write the bytes of `range`.
    ///
    /// # Safety
    /// No other thread may read or write `range` meanwhile: the caller owns the mapping's end.
    ///
    /// # Panics
    /// When `range` is out of bounds.
    pub(crate) unsafe fn write(&self, range: Range<usize>, fill: impl FnOnce(&mut [u8])) {
        assert!(range.start <= range.end && range.end <= self.len(), "write beyond the mapping");
        // SAFETY: in bounds by the assertion; exclusive by the caller's promise.
        let bytes =
            unsafe { std::slice::from_raw_parts_mut(self.raw.as_mut_ptr().add(range.start), range.len()) };
        fill(bytes);
    }

    /// Writes four bytes after everything written before them: a process killed at any instruction leaves either the old
    /// value, or the new one and all earlier writes.
    ///
    /// # Safety
    /// As [`write`](Self::write).
    pub(crate) unsafe fn seal(&self, at: usize, value: [u8; 4]) {
        assert!(at + 4 <= self.len(), "seal beyond the mapping");
        fence(Ordering::Release);
        // SAFETY: in bounds by the assertion; exclusive by the caller's promise; unaligned because records are.
        unsafe { self.raw.as_mut_ptr().add(at).cast::<[u8; 4]>().write_volatile(value) };
    }

    /// A 32-bit cell that threads share, for files that are updated in place; `None` when unaligned or out of bounds.
    pub(crate) fn cell(&self, at: usize) -> Option<&AtomicU32> {
        if !at.is_multiple_of(4) || at + 4 > self.len() {
            return None;
        }
        // SAFETY: in bounds and aligned (mappings start at a page) by the checks above. Files with cells are accessed
        // through cells only, so there is no access that is not atomic.
        Some(unsafe { AtomicU32::from_ptr(self.raw.as_mut_ptr().add(at).cast()) })
    }

    /// A 64-bit cell, as [`cell`](Self::cell).
    pub(crate) fn cell64(&self, at: usize) -> Option<&AtomicU64> {
        if !at.is_multiple_of(8) || at + 8 > self.len() {
            return None;
        }
        // SAFETY: as in `cell`.
        Some(unsafe { AtomicU64::from_ptr(self.raw.as_mut_ptr().add(at).cast()) })
    }

    /// Writes dirty pages of `range` to the disk and waits for it.
    pub(crate) fn flush(&self, range: Range<usize>) -> io::Result<()> {
        crate::faults::flush(|| self.published(range.clone()))?;
        if range.is_empty() { Ok(()) } else { self.raw.flush_range(range.start, range.len()) }
    }

    /// Faults `range` in for writing, so that the append does not have to. Kernels before 5.14 cannot; they fault later.
    ///
    /// Each page by itself: kernels that read ahead into large folios (ext4 since 6.16) write all of one, up to 2 MiB, when any of its
    /// pages was written to, which is far more than a flush of a few messages shall cost.
    pub(crate) fn warm_for_writing(&self, range: Range<usize>) -> io::Result<()> {
        // Who reads at random is read nothing ahead.
        self.raw.advise_range(Advice::Random, range.start, range.len())?;
        let warmed = self.raw.advise_range(Advice::PopulateWrite, range.start, range.len());
        self.raw.advise_range(Advice::Normal, range.start, range.len())?;
        warmed
    }

    /// Reads `range` from the disk into memory, waiting for it.
    pub(crate) fn warm_for_reading(&self, range: Range<usize>) -> io::Result<()> {
        self.raw.advise_range(Advice::PopulateRead, range.start, range.len())
    }

    /// Keeps the mapping in memory.
    pub(crate) fn lock(&self) -> io::Result<()> {
        self.raw.lock()
    }

    /// True when reading `range` needs no disk.
    pub(crate) fn is_resident(&self, range: Range<usize>) -> bool {
        if range.end > self.len() || range.is_empty() {
            return true;
        }
        let mut pages = [0_u8; PAGES_AT_ONCE];
        (range.start / PAGE * PAGE..range.end).step_by(PAGES_AT_ONCE * PAGE).all(|start| {
            let len = (range.end - start).min(pages.len() * PAGE);
            // SAFETY: the range is in bounds and page-aligned at its start (mappings are page-aligned), and `pages` has one
            // byte for each page of it.
            let result =
                unsafe { libc::mincore(self.raw.as_mut_ptr().add(start).cast(), len, pages.as_mut_ptr()) };
            // When the kernel does not tell, assume the best: a wrong guess costs a page fault.
            result != 0 || pages.iter().take(len.div_ceil(PAGE)).all(|page| page & 1 == 1)
        })
    }
}

/// Published bytes of a mapping that is kept alive by them.
pub(crate) fn shared(mapping: &Arc<Mapping>, range: Range<usize>) -> Bytes {
    struct Published(Arc<Mapping>, Range<usize>);
    impl AsRef<[u8]> for Published {
        fn as_ref(&self) -> &[u8] {
            self.0.published(self.1.clone())
        }
    }
    Bytes::from_owner(Published(Arc::clone(mapping), range))
}
