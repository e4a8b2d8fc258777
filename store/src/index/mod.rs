//! Finding messages by key: IndexFiles, filled by a thread that follows the log.
//!
//! It reads the log rather than being fed by the append: the append then pays nothing for keys, and a store whose index
//! is behind or gone is the same case as one that is up to date. A query first lets the thread catch up.

mod file;

use crate::commit_log::{Scan, Segments, Step};
use crate::{OpenError, PhysicalOffset, sys};
use file::{IndexFile, Shape, key_hash};
use gantry_message::{Record, properties, sys_flag};
use parking_lot::{Condvar, Mutex, RwLock};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use time::OffsetDateTime;
use time::macros::format_description;

/// How long the index may lie behind while nobody asks.
const LAZY: Duration = Duration::from_millis(200);
/// Records handled between two looks at whether to stop.
const STRIDE: usize = 4096;

/// All IndexFiles of a store.
#[derive(Debug)]
pub(crate) struct Index {
    dir: PathBuf,
    shape: Shape,
    segments: Arc<Segments>,
    files: RwLock<Vec<Arc<IndexFile>>>,
    /// Every message below is in the index.
    indexed: AtomicI64,
    /// Files below were written to disk.
    synced: AtomicI64,
    /// A flush has failed.
    is_unsafe: AtomicBool,
    asked: Mutex<bool>,
    ask: Condvar,
    caught_up: Condvar,
    stopping: AtomicBool,
}

impl Index {
    /// Opens the files of `dir`. `trust_until`: after a power cut, files that reach beyond what was known to be on the
    /// disk are dropped and made anew from the log. `end`: of the log, where no message is yet.
    pub(crate) fn open(
        dir: &Path,
        slots: u32,
        items: u32,
        segments: Arc<Segments>,
        trust_until: Option<PhysicalOffset>,
        end: PhysicalOffset,
    ) -> Result<Self, OpenError> {
        let trust_until = trust_until.unwrap_or(end).min(end);
        let shape = Shape { slots: slots.max(1), items: items.max(2) };
        sys::create_dirs(dir).map_err(OpenError::io("create", dir))?;
        let mut paths: Vec<PathBuf> = fs::read_dir(dir)
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
            .map_err(OpenError::io("list", dir))?;
        paths.sort();
        let mut files: Vec<Arc<IndexFile>> = Vec::new();
        for path in paths {
            let file = IndexFile::open(path.clone(), shape).map_err(OpenError::io("open", &path))?;
            let usable = file.filter(|file| {
                let continues =
                    files.last().is_none_or(|before| before.end_physical() <= file.end_physical());
                !file.is_empty() && continues && file.end_physical() < trust_until
            });
            match usable {
                Some(file) => files.push(Arc::new(file)),
                None => {
                    tracing::info!(path = %path.display(), "dropping an index file that cannot be trusted: its messages are indexed again");
                    fs::remove_file(&path).map_err(OpenError::io("remove", &path))?;
                }
            }
        }
        let start = segments.first().map_or(PhysicalOffset(0), |first| first.base());
        // The last message may have only some of its keys in: it is done again, and queries drop doubles.
        let indexed = files.last().map_or(start, |last| last.end_physical().max(start));
        Ok(Self {
            dir: dir.to_owned(),
            shape,
            segments,
            files: RwLock::new(files),
            indexed: AtomicI64::new(indexed.0),
            synced: AtomicI64::new(0),
            is_unsafe: AtomicBool::new(false),
            asked: Mutex::new(false),
            ask: Condvar::new(),
            caught_up: Condvar::new(),
            stopping: AtomicBool::new(false),
        })
    }

    pub(crate) fn indexed(&self) -> PhysicalOffset {
        PhysicalOffset(self.indexed.load(Ordering::Acquire))
    }

    pub(crate) fn synced(&self) -> PhysicalOffset {
        PhysicalOffset(self.synced.load(Ordering::Acquire))
    }

    /// The thread's work: follows the log to `end()`, until [`stop`](Self::stop).
    pub(crate) fn run(&self, end: impl Fn() -> PhysicalOffset) {
        while !self.stopping.load(Ordering::SeqCst) {
            match self.follow(end()) {
                Ok(true) => {
                    let mut asked = self.asked.lock();
                    *asked = false;
                    self.caught_up.notify_all();
                    if !self.stopping.load(Ordering::SeqCst) {
                        self.ask.wait_for(&mut asked, LAZY);
                    }
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot write the index: queries by key miss the newest messages");
                    let mut asked = self.asked.lock();
                    self.caught_up.notify_all();
                    self.ask.wait_for(&mut asked, Duration::from_secs(5));
                }
            }
        }
    }

    /// Indexes a stride of records; true when it reached `end`.
    fn follow(&self, end: PhysicalOffset) -> io::Result<bool> {
        // The log's start may have moved past a slow index.
        let start = self.segments.first().map_or(end, |first| first.base());
        let mut scan = Scan::new(&self.segments, self.indexed().max(start), end, None);
        let mut current = self.files.read().last().cloned();
        let mut result = Ok(());
        let mut more = true;
        for _ in 0..STRIDE {
            more = scan.step(|step| {
                if let Step::Record(record, _) = step {
                    result = self.add(record, &mut current);
                }
            });
            std::mem::replace(&mut result, Ok(()))?;
            // What is damaged has no keys; what stands behind it has.
            if !more && scan.at() < end {
                more = scan.skip_damage().is_some();
                if !more {
                    scan.skip_to(end);
                }
            }
            self.indexed.store(scan.at().0, Ordering::Release);
            if !more {
                break;
            }
        }
        Ok(!more)
    }

    fn add(&self, record: &Record<'_>, current: &mut Option<Arc<IndexFile>>) -> io::Result<()> {
        if record.sys_flag & sys_flag::TRANSACTION_MASK == sys_flag::TRANSACTION_ROLLBACK {
            return Ok(());
        }
        let (mut unique, mut keys) = (None, None);
        for (name, value) in properties::pairs(record.properties) {
            match name {
                properties::UNIQ_KEY => unique = Some(value),
                properties::KEYS => keys = Some(value),
                _ => {}
            }
        }
        for key in unique.into_iter().chain(keys.into_iter().flat_map(|keys| keys.split(' '))) {
            if key.is_empty() {
                continue;
            }
            let file = match current {
                Some(file) if !file.is_full() => file,
                _ => current.insert(self.next_file(record.store_timestamp)?),
            };
            let at = PhysicalOffset(record.physical_offset);
            file.put(key_hash(record.topic, key), at, record.store_timestamp);
        }
        Ok(())
    }

    /// Closes the current file durably and makes another, named by the time of its first message.
    fn next_file(&self, timestamp: i64) -> io::Result<Arc<IndexFile>> {
        self.flush()?;
        let mut millis = timestamp;
        let path = loop {
            let path = self.dir.join(file_name(millis));
            if !path.exists() {
                break path;
            }
            millis += 1;
        };
        let made = IndexFile::create(path.clone(), self.shape)
            .and_then(|file| sys::sync_dir(&self.dir).map(|()| Arc::new(file)));
        let file = made.inspect_err(|_| {
            // The next try takes another name.
            let _ = fs::remove_file(&path);
        })?;
        self.files.write().push(Arc::clone(&file));
        Ok(file)
    }

    /// Writes the current file to the disk.
    pub(crate) fn flush(&self) -> io::Result<()> {
        let indexed = self.indexed();
        let last = self.files.read().last().cloned();
        if let Some(last) = last
            && let Err(error) = last.flush()
        {
            // A later flush would say that it is there.
            self.is_unsafe.store(true, Ordering::Relaxed);
            return Err(error);
        }
        if !self.is_unsafe.load(Ordering::Relaxed) {
            self.synced.store(indexed.0, Ordering::Release);
        }
        Ok(())
    }

    /// Places of messages with `key`, newest first, stored within `times`, at most `max`; hashes only: the caller
    /// compares the keys. Waits until everything below `end` is indexed, but not for long.
    pub(crate) fn query(
        &self,
        topic: &str,
        key: &str,
        times: &RangeInclusive<i64>,
        max: usize,
        end: PhysicalOffset,
    ) -> Vec<PhysicalOffset> {
        self.wait_for(end, Duration::from_secs(1));
        let hash = key_hash(topic, key);
        let files = self.files.read().clone();
        let mut found = BTreeSet::new();
        for file in files.iter().rev().filter(|file| file.overlaps(times)) {
            file.query(hash, times, |at| {
                found.insert(at);
                found.len() < max
            });
            if found.len() >= max {
                break;
            }
        }
        found.into_iter().rev().collect()
    }

    /// Waits until everything below `end` is indexed, but no longer than `limit`; false when it is not by then.
    pub(crate) fn wait_for(&self, end: PhysicalOffset, limit: Duration) -> bool {
        let mut asked = self.asked.lock();
        let deadline = std::time::Instant::now() + limit;
        while self.indexed() < end && !self.stopping.load(Ordering::SeqCst) {
            *asked = true;
            self.ask.notify_one();
            if self.caught_up.wait_until(&mut asked, deadline).timed_out() {
                tracing::warn!(
                    behind = end - self.indexed(),
                    "the index is behind: a query may miss the newest messages"
                );
                return false;
            }
        }
        true
    }

    /// Time of the newest indexed message and its place; zeros when there is none.
    pub(crate) fn last_update(&self) -> (i64, PhysicalOffset) {
        self.files
            .read()
            .last()
            .map_or((0, PhysicalOffset(0)), |last| (last.end_timestamp(), last.end_physical()))
    }

    /// Deletes files whose messages all lie before `log_start`.
    pub(crate) fn trim(&self, log_start: PhysicalOffset) -> io::Result<()> {
        let mut files = self.files.write();
        while files.len() > 1 && files.first().is_some_and(|first| first.end_physical() < log_start) {
            let first = files.remove(0);
            fs::remove_file(first.path())?;
        }
        Ok(())
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _asked = self.asked.lock();
        self.ask.notify_all();
        self.caught_up.notify_all();
    }
}

/// `yyyyMMddHHmmssSSS` in UTC; only the order of names matters.
fn file_name(millis: i64) -> String {
    let format = format_description!("[year][month][day][hour][minute][second][subsecond digits:3]");
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000);
    time.ok().and_then(|time| time.format(format).ok()).unwrap_or_else(|| format!("{millis:017}"))
}
