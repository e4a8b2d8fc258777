//! One CommitLog file.

use crate::PhysicalOffset;
use crate::mapping::{Mapping, shared};
use bytes::Bytes;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file of the log, named by the 20 digits of its first byte's offset, mapped whole.
#[derive(Debug)]
pub struct Segment {
    base: PhysicalOffset,
    path: PathBuf,
    file: File,
    mapping: Arc<Mapping>,
}

impl Segment {
    pub(crate) fn map(base: PhysicalOffset, path: PathBuf, file: File, len: u64) -> io::Result<Self> {
        let mapping = Arc::new(Mapping::new(&file, len as usize)?);
        Ok(Self { base, path, file, mapping })
    }

    /// The file's name for a base offset.
    pub(crate) fn file_name(base: PhysicalOffset) -> String {
        format!("{:020}", base.0)
    }

    pub(crate) fn base(&self) -> PhysicalOffset {
        self.base
    }

    pub(crate) fn end(&self) -> PhysicalOffset {
        self.base + self.mapping.len() as i64
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }

    /// Positions in the file of the offsets from `start` to `end`, as far as they are in it.
    pub(crate) fn range(&self, start: PhysicalOffset, end: PhysicalOffset) -> Range<usize> {
        let start = start.max(self.base).min(self.end());
        let end = end.max(start).min(self.end());
        (start - self.base) as usize..(end - self.base) as usize
    }

    /// Published bytes from `start` to `end`, kept alive by the result.
    pub(crate) fn bytes(&self, start: PhysicalOffset, end: PhysicalOffset) -> Bytes {
        shared(&self.mapping, self.range(start, end))
    }
}
