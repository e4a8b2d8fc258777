//! The files of the log, in order.

use super::Segment;
use crate::{OpenError, PhysicalOffset, sys};
use parking_lot::RwLock;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files that exist, first to last, without gaps. The last may be an unused one, made ahead.
#[derive(Debug)]
pub(crate) struct Segments {
    dir: PathBuf,
    file_size: u64,
    files: RwLock<VecDeque<Arc<Segment>>>,
}

impl Segments {
    /// Maps the files of `dir`.
    pub(crate) fn open(dir: &Path, file_size: u64) -> Result<Self, OpenError> {
        sys::create_dirs(dir).map_err(OpenError::io("create", dir))?;
        let mut found: Vec<(i64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(dir).map_err(OpenError::io("list", dir))? {
            let path = entry.map_err(OpenError::io("list", dir))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            match name.parse() {
                Ok(base) if name.len() == 20 => found.push((base, path)),
                _ => tracing::warn!(path = %path.display(), "not a CommitLog file: left alone"),
            }
        }
        found.sort();
        let last = found.len().saturating_sub(1);
        let mut files: VecDeque<Arc<Segment>> = VecDeque::new();
        for (n, (base, path)) in found.into_iter().enumerate() {
            let base = PhysicalOffset(base);
            let file =
                File::options().read(true).write(true).open(&path).map_err(OpenError::io("open", &path))?;
            let len = file.metadata().map_err(OpenError::io("read the size of", &path))?.len();
            if len != file_size {
                // A crash while the next file was being made: nothing was ever written to it.
                if n == last && len < file_size && is_blank(&file) {
                    tracing::warn!(path = %path.display(), len, "removing a CommitLog file that was not finished being made");
                    fs::remove_file(&path).map_err(OpenError::io("remove", &path))?;
                    continue;
                }
                return Err(OpenError::FileSize { path, expected: file_size, got: len });
            }
            if let Some(expected) = files.back().map(|before| before.end())
                && expected != base
            {
                return Err(OpenError::Gap { path, expected });
            }
            let segment = Segment::map(base, path.clone(), file, len).map_err(OpenError::io("map", &path))?;
            files.push_back(Arc::new(segment));
        }
        Ok(Self { dir: dir.to_owned(), file_size, files: RwLock::new(files) })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn file_size(&self) -> u64 {
        self.file_size
    }

    /// Makes the file that starts at `base`, all its space reserved.
    pub(crate) fn create(&self, base: PhysicalOffset) -> io::Result<Arc<Segment>> {
        let path = self.dir.join(Segment::file_name(base));
        // Trying would take all there is, for a moment.
        if sys::disk_size(&self.dir).is_ok_and(|(_, free)| free < self.file_size) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let made = sys::create_allocated(&path, self.file_size)
            .and_then(|file| sys::sync_dir(&self.dir).map(|()| file))
            .and_then(|file| Segment::map(base, path.clone(), file, self.file_size));
        let segment = match made {
            Ok(segment) => Arc::new(segment),
            Err(error) => {
                // The next try must not find it in the way.
                if error.kind() != io::ErrorKind::AlreadyExists {
                    let _ = fs::remove_file(&path);
                }
                return Err(error);
            }
        };
        self.files.write().push_back(Arc::clone(&segment));
        Ok(segment)
    }

    /// The file that holds `offset`.
    pub(crate) fn find(&self, offset: PhysicalOffset) -> Option<Arc<Segment>> {
        let files = self.files.read();
        let first = files.front()?.base();
        let index = usize::try_from((offset - first).div_euclid(self.file_size as i64)).ok()?;
        files.get(index).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Segment>> {
        self.files.read().iter().cloned().collect()
    }

    pub(crate) fn first(&self) -> Option<Arc<Segment>> {
        self.files.read().front().cloned()
    }

    /// Deletes the files after the one that holds `end`. From the last: whatever of it a crash leaves undone, there is no gap.
    pub(crate) fn remove_after(&self, end: PhysicalOffset) -> io::Result<()> {
        let mut files = self.files.write();
        while let Some(last) = files.back().filter(|last| last.base() > end) {
            fs::remove_file(last.path())?;
            sys::sync_dir(&self.dir)?;
            files.pop_back();
        }
        Ok(())
    }

    /// Deletes the first file, unless it is the only one or reaches beyond `below`. Readers that still hold it keep their
    /// bytes: the space is freed when they are done.
    pub(crate) fn remove_first(&self, below: PhysicalOffset) -> io::Result<Option<Arc<Segment>>> {
        let removed = {
            let mut files = self.files.write();
            match files.front() {
                Some(first) if files.len() > 1 && first.end() <= below => fs::remove_file(first.path())?,
                _ => return Ok(None),
            }
            files.pop_front()
        };
        // One by one, so that no crash leaves a gap.
        sys::sync_dir(&self.dir)?;
        Ok(removed)
    }
}

fn is_blank(file: &File) -> bool {
    let mut head = [0; 8];
    match rustix::io::pread(file, &mut head[..], 0) {
        Ok(_) => head == [0; 8],
        Err(_) => false,
    }
}
