//! The files of one queue: `<root>/consumequeue/<topic>/<queueId>/<20 digits of the byte offset>`, all of one size, sparse.
//!
//! They are read and written with `pread` and `pwrite` through a small cache of open files: with a hundred thousand
//! queues neither file descriptors nor mappings could be kept for each.

use super::entry::{ENTRY, Entry};
use crate::QueueOffset;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Open files over all queues.
const MAX_OPEN: usize = 512;

/// Entries that are read by one call: what an ordinary pull needs, and more.
const AT_ONCE: usize = 128;

/// Keeps recently used files open.
#[derive(Debug, Default)]
pub(crate) struct FileCache {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    files: HashMap<PathBuf, (Arc<File>, u64)>,
    clock: u64,
}

impl FileCache {
    /// `Ok(None)` when the file does not exist and `create` (its size) is not given.
    fn get(&self, path: &Path, create: Option<u64>) -> io::Result<Option<Arc<File>>> {
        let file = self.open(path, create.is_some())?;
        if let (Some(file), Some(len)) = (&file, create)
            // Whoever made it may have got no further.
            && file.metadata()?.len() < len
        {
            file.set_len(len)?;
        }
        Ok(file)
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Option<Arc<File>>> {
        let mut open = self.open.lock();
        open.clock += 1;
        let now = open.clock;
        if let Some((file, used)) = open.files.get_mut(path) {
            *used = now;
            return Ok(Some(Arc::clone(file)));
        }
        let mut options = File::options();
        options.read(true).write(true);
        let file = match options.open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !create {
                    return Ok(None);
                }
                if let Some(dir) = path.parent() {
                    fs::create_dir_all(dir)?;
                }
                options.create(true).truncate(false).open(path)?
            }
            Err(error) => return Err(error),
        };
        if open.files.len() >= MAX_OPEN {
            // Half go at once, so that this is rare.
            let mut ages: Vec<u64> = open.files.values().map(|(_, used)| *used).collect();
            let (_, middle, _) = ages.select_nth_unstable(MAX_OPEN / 2);
            let middle = *middle;
            open.files.retain(|_, (_, used)| *used > middle);
        }
        let file = Arc::new(file);
        open.files.insert(path.to_owned(), (Arc::clone(&file), now));
        Ok(Some(file))
    }

    /// Forgets the files below `dir`, because they are being deleted.
    pub(crate) fn forget(&self, dir: &Path) {
        self.open.lock().files.retain(|path, _| !path.starts_with(dir));
    }
}

/// Where all queues have their files.
#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) dir: PathBuf,
    pub(crate) entries_per_file: u32,
    pub(crate) cache: FileCache,
}

/// The files of one queue. Made when they are needed: with a hundred thousand queues a path for each is much memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueFiles<'a> {
    root: &'a Root,
    topic: &'a str,
    id: i32,
}

impl<'a> QueueFiles<'a> {
    pub(crate) fn new(root: &'a Root, topic: &'a str, id: i32) -> Self {
        Self { root, topic, id }
    }

    fn entries_per_file(&self) -> i64 {
        self.root.entries_per_file.into()
    }

    fn file_len(&self) -> u64 {
        self.entries_per_file() as u64 * ENTRY as u64
    }

    fn dir(&self) -> PathBuf {
        self.root.dir.join(self.topic).join(self.id.to_string())
    }

    /// First offset of the file that holds `offset`.
    pub(crate) fn file_start(&self, offset: QueueOffset) -> QueueOffset {
        QueueOffset(offset.0 - offset.0.rem_euclid(self.entries_per_file()))
    }

    /// First offset of the file after it.
    pub(crate) fn next_file(&self, offset: QueueOffset) -> QueueOffset {
        self.file_start(offset) + self.entries_per_file()
    }

    fn path(&self, start: QueueOffset) -> PathBuf {
        let Self { root, topic, id } = self;
        // In one piece: readers of what is not in memory come here again and again.
        let mut path = OsString::with_capacity(root.dir.as_os_str().len() + topic.len() + 40);
        path.push(&root.dir);
        let _never = write!(path, "/{topic}/{id}/{:020}", start.0 * ENTRY as i64);
        path.into()
    }

    /// First offsets of the files that exist, ascending.
    pub(crate) fn list(&self) -> io::Result<Vec<QueueOffset>> {
        let mut starts = Vec::new();
        let entries = match fs::read_dir(self.dir()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(starts),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let name = entry?.file_name();
            let byte: Option<i64> =
                name.to_str().filter(|name| name.len() == 20).and_then(|name| name.parse().ok());
            if let Some(byte) = byte {
                starts.push(QueueOffset(byte / ENTRY as i64));
            }
        }
        starts.sort_unstable();
        Ok(starts)
    }

    /// Entries from `from` on, at most `max`, up to the first that was never written or the end of the file.
    pub(crate) fn read(&self, from: QueueOffset, max: usize) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        self.read_into(from, max, |_| true, &mut entries)?;
        Ok(entries)
    }

    /// Adds the entries from `from` on to `out`, at most `max`, up to the first that was never written, or that is not `wanted`, or
    /// the end of the file.
    pub(crate) fn read_into(
        &self,
        from: QueueOffset,
        max: usize,
        wanted: impl Fn(&Entry) -> bool,
        out: &mut Vec<Entry>,
    ) -> io::Result<()> {
        let start = self.file_start(from);
        let left = (start + self.entries_per_file() - from) as usize;
        let Some(file) = self.root.cache.get(&self.path(start), None)? else { return Ok(()) };
        let mut at = (from - start) as u64 * ENTRY as u64;
        let end = at + (left.min(max) * ENTRY) as u64;
        let mut buffer = [0; AT_ONCE * ENTRY];
        while at < end {
            let want = (end - at).min(buffer.len() as u64) as usize;
            let read = crate::sys::read_full(&file, buffer.get_mut(..want).unwrap_or_default(), at)?;
            let before = out.len();
            let entries = read.chunks_exact(ENTRY).map_while(Entry::from_bytes);
            out.extend(entries.take_while(&wanted));
            if out.len() - before < AT_ONCE {
                break;
            }
            at += want as u64;
        }
        Ok(())
    }

    /// Writes `entries` at `from`, making files as needed. Gives every file it touched to `touched`, for syncing.
    pub(crate) fn write(
        &self,
        mut from: QueueOffset,
        entries: impl Iterator<Item = Entry>,
        touched: &mut dyn FnMut(PathBuf, Arc<File>),
    ) -> io::Result<()> {
        let mut entries = entries.peekable();
        while entries.peek().is_some() {
            let start = self.file_start(from);
            let left = (start + self.entries_per_file() - from) as usize;
            let mut bytes = Vec::new();
            for entry in entries.by_ref().take(left) {
                bytes.extend_from_slice(&entry.to_bytes());
            }
            let path = self.path(start);
            let Some(file) = self.root.cache.get(&path, Some(self.file_len()))? else { break };
            file.write_all_at(&bytes, (from - start) as u64 * ENTRY as u64)?;
            touched(path, file);
            from = start + self.entries_per_file();
        }
        Ok(())
    }

    /// Fills a queue's first file with holes up to `first`, where its first message is.
    pub(crate) fn fill_holes(
        &self,
        first: QueueOffset,
        touched: &mut dyn FnMut(PathBuf, Arc<File>),
    ) -> io::Result<()> {
        let start = self.file_start(first);
        let holes = std::iter::repeat_n(Entry::HOLE, (first - start) as usize);
        self.write(start, holes, touched)
    }

    /// Whether nothing is written from `from` on, and no file is there for it.
    pub(crate) fn is_blank_from(&self, starts: &[QueueOffset], from: QueueOffset) -> io::Result<bool> {
        if starts.iter().any(|start| *start > from) {
            return Ok(false);
        }
        let start = self.file_start(from);
        match self.root.cache.get(&self.path(start), None)? {
            Some(file) => crate::sys::is_blank(&file, (from - start) as u64 * ENTRY as u64),
            None => Ok(true),
        }
    }

    /// Clears the entries from `from` on and deletes later files, which is not synced.
    pub(crate) fn truncate(&self, from: QueueOffset) -> io::Result<()> {
        for start in self.list()? {
            let path = self.path(start);
            if start >= from {
                fs::remove_file(&path)?;
                self.root.cache.forget(&path);
            } else if self.file_start(from) == start
                && let Some(file) = self.root.cache.get(&path, None)?
            {
                crate::sys::clear(&file, (from - start) as u64 * ENTRY as u64)?;
            }
        }
        Ok(())
    }

    /// Deletes the files whose entries all lie before `min`, but never the last one.
    pub(crate) fn remove_before(&self, min: QueueOffset) -> io::Result<()> {
        let starts = self.list()?;
        let Some((_, all_but_last)) = starts.split_last() else { return Ok(()) };
        for start in all_but_last.iter().filter(|start| **start + self.entries_per_file() <= min) {
            let path = self.path(*start);
            fs::remove_file(&path)?;
            self.root.cache.forget(&path);
        }
        Ok(())
    }

    /// Deletes everything.
    pub(crate) fn remove_all(&self) -> io::Result<()> {
        let dir = self.dir();
        let removed = fs::remove_dir_all(&dir);
        // Afterwards: a reader may have opened one meanwhile, and a queue of the same name must not be written to that.
        self.root.cache.forget(&dir);
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
