//! The store as the broker uses it: open, append, read, close.

use crate::abort::Opened;
use crate::checkpoint::{Checkpoint, CheckpointFile, Found, QueueDigest};
use crate::clock::{self, now_ms};
use crate::commit_log::{self, Ahead, AheadJob, Flusher, NewMessage, Segments, Tip};
use crate::config::{FlushMode, StoreConfig};
use crate::consume_queue::{ConsumeQueue, Entry, QueueTable};
use crate::dispatch::{DirtyQueues, Moment, Pace, Unsynced};
use crate::faults::step;
use crate::index::Index;
use crate::mend::Mending;
use crate::pull::{self, Boundary, PullLimits, PullStatus, Pulled, Select};
use crate::recovery::Recovery;
use crate::retention::{self, Facts};
use crate::{OpenError, PhysicalOffset, QueueOffset, sys};
use bytes::Bytes;
use gantry_message::{Record, name, properties};
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeSet;
use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often it is looked whether queue entries in memory are worth a write.
const WRITE_EVERY: Duration = Duration::from_millis(200);
/// How many times as long as a checkpoint took is waited until the next. One on which 100,000 queues wait takes seconds.
const CHECKPOINTS_REST: u32 = 20;
/// Apache's `cleanResourceInterval`.
const CLEAN_EVERY: Duration = Duration::from_secs(10);
/// While messages are refused it is looked oftener whether there is space again.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What a checkpoint may take that somebody waits for.
const CHECKPOINT_WITHIN: Duration = Duration::from_secs(10);
/// Written index pages only matter after a power cut, where they save work: seldom is enough.
const INDEX_SYNC_EVERY: Duration = Duration::from_secs(60);

/// Numbers about a store.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// First byte of the log.
    pub log_start: PhysicalOffset,
    /// End of the log.
    pub log_end: PhysicalOffset,
    /// The log is on the disk up to here.
    pub durable: PhysicalOffset,
    /// Messages and bytes appended since the store was opened.
    pub appended: (u64, u64),
    /// Share of the disk in use, 0 to 1.
    pub disk_used: f64,
    /// Bytes of the disk, and those of them that are free.
    pub disk: (u64, u64),
}

/// An open store. Dropping it closes it.
pub struct Store {
    inner: Arc<Inner>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    opened: Mutex<Option<Opened>>,
}

struct Inner {
    config: StoreConfig,
    segments: Arc<Segments>,
    queues: QueueTable,
    tip: Mutex<Tip>,
    /// Guarded by the tip's lock: what a checkpoint will compare.
    digest: Mutex<QueueDigest>,
    flusher: Flusher,
    ahead: Ahead,
    dirty: DirtyQueues,
    index: Option<Index>,
    checkpoint: Mutex<CheckpointFile>,
    /// Queue files that were written and not synced; of whoever writes checkpoints.
    unsynced: Mutex<Unsynced>,
    /// A sync of queue files has failed.
    unsafe_queues: AtomicBool,
    boot: [u8; 16],
    closed: AtomicBool,
    /// The disk is too full to take messages.
    refusing: AtomicBool,
    stalled: busy::Stalled,
    /// Of the wall clock.
    jumps: Mutex<clock::Jumps>,
    /// Share of the disk in use, in millionths.
    disk_used: AtomicU64,
    messages: AtomicU64,
    bytes: AtomicU64,
    /// Messages before it were stored before this process was there.
    own_from: PhysicalOffset,
    /// Messages that were found to be lost.
    lost: AtomicU64,
    stop: (Mutex<bool>, Condvar),
    checkpoints: Checkpoints,
}

/// Checkpoints that somebody waits for.
#[derive(Debug, Default)]
struct Checkpoints {
    /// How many were asked for, and how many of these are done.
    state: Mutex<(u64, u64)>,
    done: Condvar,
}

impl Store {
    /// Opens the store in the configured folder, made when it is new; recovers it when the last stop was not clean.
    ///
    /// # Errors
    /// Says which file is in the way and what to do.
    pub fn open(config: StoreConfig) -> Result<Self, OpenError> {
        sys::create_dirs(&config.root).map_err(OpenError::io("create", &config.root))?;
        let (opened, clean) = Opened::acquire(&config.root)?;
        let started = Instant::now();
        let checkpoint_path = config.root.join("checkpoint");
        let (mut checkpoint, found) =
            CheckpointFile::open(&checkpoint_path).map_err(OpenError::io("open", &checkpoint_path))?;
        let watermark = checkpoint.watermark().map_err(OpenError::io("map", &checkpoint_path))?;
        let durable = match found {
            Found::Ours(checkpoint) => watermark.get().unwrap_or_default().max(checkpoint.dispatched),
            // What was on the disk is there still when Apache's broker had the store in between; or our part is damaged.
            Found::Apache(_) | Found::Nothing => watermark.get().unwrap_or_default(),
        };
        let boot = sys::boot_id();
        let segments = Arc::new(Segments::open(&config.commit_log_dir(), config.file_size)?);
        let queues = QueueTable::new(config.root.join("consumequeue"), config.queue_file_entries.max(1));
        let dirty = DirtyQueues::default();
        let recovered = Recovery {
            root: &config.root,
            segments: &segments,
            queues: &queues,
            dirty: &dirty,
            levels: &config.delay_levels,
            checkpoint: found,
            checkpoint_file: &mut checkpoint,
            boot,
            durable,
            clean,
            keep_every: config.checkpoint_every.1,
            progress: &config.progress,
        }
        .run()?;
        let trust_until = match found {
            // The page cache outlived the process.
            Found::Ours(checkpoint) if checkpoint.boot == boot => None,
            Found::Ours(checkpoint) if !clean => Some(checkpoint.indexed),
            Found::Apache(_) | Found::Nothing if !clean => Some(PhysicalOffset(0)),
            _ => None,
        };
        let index = if config.index {
            let dir = config.root.join("index");
            Some(Index::open(
                &dir,
                config.index_slots,
                config.index_items,
                Arc::clone(&segments),
                trust_until,
                recovered.end,
            )?)
        } else {
            None
        };
        let digest = queues.digest();
        let tip = Tip {
            at: (recovered.end - recovered.segment.base()) as usize,
            segment: recovered.segment,
            last_timestamp: recovered.last_timestamp,
            last: recovered.last,
        };
        tracing::info!(
            root = %config.root.display(), end = %recovered.end, queues = digest.count, clean, took = ?started.elapsed(),
            "store is open"
        );
        let sync = config.flush == FlushMode::Sync;
        let inner = Arc::new(Inner {
            flusher: Flusher::new(Arc::clone(&segments), recovered.end, watermark),
            ahead: Ahead::new(Arc::clone(&segments), config.warm_ahead, sync, config.mlock),
            segments,
            queues,
            tip: Mutex::new(tip),
            digest: Mutex::new(digest),
            dirty,
            index,
            checkpoint: Mutex::new(checkpoint),
            unsynced: Mutex::new(recovered.unsynced),
            unsafe_queues: AtomicBool::new(false),
            boot,
            closed: AtomicBool::new(false),
            refusing: AtomicBool::new(false),
            stalled: busy::Stalled::default(),
            jumps: Mutex::default(),
            disk_used: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            own_from: recovered.end,
            lost: AtomicU64::new(0),
            stop: Default::default(),
            checkpoints: Checkpoints::default(),
            config,
        });
        inner.look_at_disk();
        let store =
            Self { threads: Mutex::new(Inner::spawn(&inner)?), inner, opened: Mutex::new(Some(opened)) };
        Ok(store)
    }

    /// The settings it was opened with.
    #[must_use]
    pub fn config(&self) -> &StoreConfig {
        &self.inner.config
    }

    /// The queue, made when it is new. The topic's name must have passed [`gantry_message::name::check_topic`].
    #[must_use]
    pub fn queue(&self, topic: &str, id: i32) -> Arc<ConsumeQueue> {
        debug_assert!(name::check_topic(topic).is_ok());
        self.inner.queues.get_or_create(topic, id)
    }

    /// The queue, if it ever had a message.
    #[must_use]
    pub fn existing_queue(&self, topic: &str, id: i32) -> Option<Arc<ConsumeQueue>> {
        self.inner.queues.get(topic, id)
    }

    /// The topics that have queues.
    #[must_use]
    pub fn topics(&self) -> BTreeSet<Box<str>> {
        self.inner.queues.all().iter().map(|queue| queue.topic().into()).collect()
    }

    /// The queues of a topic that exist.
    #[must_use]
    pub fn queues_of(&self, topic: &str) -> Vec<Arc<ConsumeQueue>> {
        self.inner.queues.topic(topic)
    }

    /// Has what was appended brought to the disk soon, whatever the flush mode: see [`on_durable`](Self::on_durable).
    pub fn flush_soon(&self) {
        self.inner.flusher.ask();
    }

    /// The same in SYNC mode only, where somebody may wait for it.
    pub fn flush_soon_if_sync(&self) {
        if self.inner.config.flush == FlushMode::Sync {
            self.flush_soon();
        }
    }

    /// As [`flush_soon`](Self::flush_soon); on this thread, if nobody else is at it and the disk is quick.
    pub fn flush_here_if_quick(&self) {
        self.inner.flusher.flush_here_if_quick();
    }

    /// Up to where consumers may read: in SYNC mode what is on the disk, else what is in the page cache.
    #[must_use]
    pub fn readable_end(&self) -> PhysicalOffset {
        self.inner.readable_end()
    }

    /// The log is on the disk up to here.
    #[must_use]
    pub fn durable_end(&self) -> PhysicalOffset {
        self.inner.flusher.durable()
    }

    /// Has `listener` called whenever more of the log is on the disk.
    pub fn on_durable(&self, listener: impl Fn(PhysicalOffset) + Send + Sync + 'static) {
        self.inner.flusher.on_durable(Box::new(listener));
    }

    /// Has `listener` called when a flush fails. The store takes no messages from then on: a failed flush cannot be tried
    /// again, because the kernel may have dropped what it could not write.
    pub fn on_flush_failure(&self, listener: impl Fn(&io::Error) + Send + Sync + 'static) {
        self.inner.flusher.on_failure(Box::new(listener));
    }

    /// The offset after the last message of `queue` that consumers may see.
    #[must_use]
    pub fn max_offset(&self, queue: &ConsumeQueue) -> QueueOffset {
        queue.max_offset(self.readable_end())
    }

    /// Reads `queue` from `offset`.
    ///
    /// # Errors
    /// When a ConsumeQueue file cannot be read.
    pub fn pull(
        &self,
        queue: &ConsumeQueue,
        offset: QueueOffset,
        limits: PullLimits,
        select: &impl Select,
    ) -> io::Result<Pulled> {
        let window = pull::Window { own: self.inner.own_from, end: self.readable_end() };
        pull::pull(queue, &self.inner.segments, offset, limits, window, select)
    }

    /// Looks at what was read whether it is as it was stored, where this process cannot know; reads all of it. Gives the same, or
    /// nothing and where to go on: what is wrong was put right then, or passed over for good.
    ///
    /// # Errors
    /// When files cannot be read or written.
    pub fn check(&self, queue: &ConsumeQueue, mut pulled: Pulled) -> io::Result<Pulled> {
        let Some(wrong) = self.first_wrong(queue, &pulled) else {
            pulled.checked();
            return Ok(pulled);
        };
        let mended = self.inner.mending(queue).mend(wrong)?;
        self.inner.lost.fetch_add(mended.lost as u64, Ordering::Relaxed);
        Ok(pulled.again_from(pulled.unchecked().first().map_or(wrong, |(first, _)| *first)))
    }

    /// The same look without putting anything right.
    #[must_use]
    pub fn is_as_stored(&self, queue: &ConsumeQueue, pulled: &mut Pulled) -> bool {
        let is_right = self.first_wrong(queue, pulled).is_none();
        if is_right {
            pulled.checked();
        }
        is_right
    }

    fn first_wrong(&self, queue: &ConsumeQueue, pulled: &Pulled) -> Option<QueueOffset> {
        if pulled.status == PullStatus::OffsetFoundNull {
            return Some(pulled.next_offset);
        }
        let mending = self.inner.mending(queue);
        pulled.unchecked().iter().find(|(at, entry)| !mending.is_right(*at, *entry)).map(|(at, _)| *at)
    }

    /// Messages that the log had not any more when they were to be read.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.inner.lost.load(Ordering::Relaxed)
    }

    /// The record that starts at `offset`, if one does.
    #[must_use]
    pub fn read_at(&self, offset: PhysicalOffset) -> Option<Bytes> {
        commit_log::read_at(&self.inner.segments, offset, self.readable_end())
    }

    /// The record of the message at `offset` of `queue`.
    ///
    /// # Errors
    /// When a ConsumeQueue file cannot be read.
    pub fn message(&self, queue: &ConsumeQueue, offset: QueueOffset) -> io::Result<Option<Bytes>> {
        Ok(self.entry(queue, offset)?.and_then(|entry| self.read_at(entry.physical_offset)))
    }

    /// The ConsumeQueue entry at `offset`; `None` for holes and beyond the end.
    ///
    /// # Errors
    /// When a ConsumeQueue file cannot be read.
    pub fn entry(&self, queue: &ConsumeQueue, offset: QueueOffset) -> io::Result<Option<Entry>> {
        if offset < queue.min_offset() {
            return Ok(None);
        }
        Ok(queue.entry(offset, self.readable_end())?.filter(|entry| !entry.is_hole()))
    }

    /// When the message at `offset` was stored.
    ///
    /// # Errors
    /// When a ConsumeQueue file cannot be read.
    pub fn store_timestamp(&self, queue: &ConsumeQueue, offset: QueueOffset) -> io::Result<Option<i64>> {
        let message = self.message(queue, offset)?;
        Ok(message.and_then(|bytes| Record::read(&bytes).ok().map(|(record, _)| record.store_timestamp)))
    }

    /// The offset in `queue` that belongs to a store time in milliseconds.
    ///
    /// # Errors
    /// When a ConsumeQueue file cannot be read.
    pub fn search_offset(
        &self,
        queue: &ConsumeQueue,
        timestamp: i64,
        boundary: Boundary,
    ) -> io::Result<QueueOffset> {
        let stored = |entry: Entry| {
            let bytes = self.read_at(entry.physical_offset)?;
            Record::read(&bytes).ok().map(|(record, _)| record.store_timestamp)
        };
        pull::search(queue, timestamp, boundary, self.readable_end(), stored)
    }

    /// True when the message at `offset` of `queue` exists and reading it needs no disk.
    ///
    /// # Errors
    /// When a ConsumeQueue file cannot be read.
    pub fn is_in_memory(&self, queue: &ConsumeQueue, offset: QueueOffset) -> io::Result<bool> {
        let Some(entry) = self.entry(queue, offset)? else { return Ok(false) };
        let Some(segment) = self.inner.segments.find(entry.physical_offset) else { return Ok(false) };
        Ok(segment.mapping().is_resident(segment.range(entry.physical_offset, entry.physical_offset + 1)))
    }

    /// Messages of `topic` with `key` among their keys, or as their unique key, stored within `times` (milliseconds),
    /// newest first, at most `max`.
    #[must_use]
    pub fn query(&self, topic: &str, key: &str, times: &RangeInclusive<i64>, max: usize) -> Vec<Bytes> {
        let Some(index) = &self.inner.index else { return Vec::new() };
        let places = index.query(topic, key, times, max, self.readable_end());
        let has_key = |bytes: &Bytes| {
            Record::read(bytes).is_ok_and(|(record, _)| {
                record.topic == topic
                    && times.contains(&record.store_timestamp)
                    && properties::pairs(record.properties).any(|(name, value)| match name {
                        properties::UNIQ_KEY => value == key,
                        properties::KEYS => value.split(' ').any(|k| k == key),
                        _ => false,
                    })
            })
        };
        places.into_iter().filter_map(|place| self.read_at(place)).filter(has_key).collect()
    }

    /// Waits until a [`query`](Self::query) finds what was appended before, but no longer than `limit`; false when it may not.
    #[must_use]
    pub fn await_index(&self, limit: Duration) -> bool {
        let end = self.inner.readable_end();
        self.inner.index.as_ref().is_none_or(|index| index.wait_for(end, limit))
    }

    /// Store time and place of the newest message in the index; zeros when there is none.
    #[must_use]
    pub fn index_last_update(&self) -> (i64, PhysicalOffset) {
        self.inner.index.as_ref().map_or((0, PhysicalOffset(0)), Index::last_update)
    }

    /// Deletes the queues of a topic. Its messages stay in the log until their files go. On return no crash brings them back.
    ///
    /// # Errors
    /// When it cannot be written down that they are gone, or files cannot be removed.
    pub fn delete_topic(&self, topic: &str) -> io::Result<()> {
        let inner = &self.inner;
        if inner.queues.topic(topic).is_empty() {
            return Ok(());
        }
        let deletions = self.queue(name::DELETED_TOPICS_TOPIC, 0);
        let message = NewMessage::own(now_ms(), topic.as_bytes(), "");
        let mut removed = Vec::new();
        let on_record = self.append_at_ends(
            &deletions,
            &message,
            &[],
            |_| topic.as_bytes().to_vec(),
            |_| removed = inner.forget_topic(topic),
        );
        let on_record = on_record.map_err(io::Error::other)?;
        inner.wait_durable(on_record.end)?;
        for queue in &removed {
            queue.delete_files()?;
        }
        inner.queues.remove_dir(topic)?;
        // A start before the next checkpoint would miss these files and build all queues anew.
        inner.await_checkpoint()
    }

    /// Has a queue begin at `first`, unless it begins later already. It is not written down: after a start the queue begins
    /// where the log does.
    ///
    /// # Errors
    /// When files cannot be removed.
    pub fn forget_before(&self, queue: &ConsumeQueue, first: QueueOffset) -> io::Result<()> {
        queue.forget_before(first)
    }

    /// Deletes expired files now, whatever the hour, and however many they are.
    ///
    /// # Errors
    /// When files cannot be removed.
    pub fn delete_expired(&self) -> io::Result<()> {
        // Only what is on the disk and in the index may go; whoever asks means what was sent until now.
        self.flush()?;
        if let Some(index) = &self.inner.index {
            index.wait_for(self.inner.flusher.durable(), Duration::from_secs(1));
        }
        while self.inner.delete_old_files(true)? {}
        Ok(())
    }

    /// Drops queue files whose messages are not in the log any more.
    ///
    /// # Errors
    /// When files cannot be removed.
    pub fn trim_queues(&self) -> io::Result<()> {
        self.inner.trim_derived()
    }

    /// True while somebody appends or flushes, which takes long when the disk does not keep up.
    #[must_use]
    pub fn is_held_up(&self) -> bool {
        self.inner.tip.is_locked() || self.inner.flusher.is_busy()
    }

    /// True while messages can be appended.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.inner.check_writable().is_ok()
    }

    /// Numbers for status pages.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let inner = &self.inner;
        Stats {
            log_start: inner.segments.first().map_or(PhysicalOffset(0), |first| first.base()),
            log_end: inner.flusher.published(),
            durable: inner.flusher.durable(),
            appended: (inner.messages.load(Ordering::Relaxed), inner.bytes.load(Ordering::Relaxed)),
            disk_used: inner.disk_used(),
            disk: sys::disk_size(inner.segments.dir()).unwrap_or_default(),
        }
    }

    /// Waits until everything appended so far is on the disk.
    ///
    /// # Errors
    /// When the disk refused it.
    pub fn flush(&self) -> io::Result<()> {
        self.inner.wait_durable(self.inner.flusher.published())
    }

    /// Flushes everything, writes a checkpoint and marks the stop as clean.
    pub fn close(&self) {
        let Some(opened) = self.opened.lock().take() else { return };
        let inner = &self.inner;
        // From here on nothing is appended: whoever holds the lock now is the last.
        inner.closed.store(true, Ordering::SeqCst);
        drop(inner.tip.lock());
        *inner.stop.0.lock() = true;
        inner.stop.1.notify_all();
        inner.ahead.stop();
        if let Some(index) = &inner.index {
            index.stop();
        }
        inner.flusher.stop();
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a store thread panicked");
            }
        }
        if inner.flusher.has_failed() {
            tracing::error!("the store did not stop cleanly: the next start will recover");
            return;
        }
        let result =
            inner.index.as_ref().map_or(Ok(()), Index::flush).and_then(|()| inner.write_checkpoint());
        match result {
            Ok(_) => opened.release(),
            Err(error) => tracing::error!(%error, "the last checkpoint failed: the next start will recover"),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

/// Ends the process when the thread that has it panics: nobody would flush, or make files, and nobody would notice.
struct EndOfProcess;

impl Drop for EndOfProcess {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!("a thread of the store panicked: the broker ends");
            std::process::abort();
        }
    }
}

impl Inner {
    fn spawn(this: &Arc<Self>) -> Result<Vec<JoinHandle<()>>, OpenError> {
        let spawn = |name: &str, work: fn(&Self)| {
            let inner = Arc::clone(this);
            let thread = thread::Builder::new().name(name.into()).spawn(move || {
                let _guard = EndOfProcess;
                work(&inner);
            });
            thread.map_err(OpenError::io("start a thread for", &this.config.root))
        };
        let mut threads = vec![
            spawn("store-flush", |inner| {
                inner.flusher.run(match inner.config.flush {
                    FlushMode::Async(interval) => Some(interval),
                    FlushMode::Sync => None,
                });
            })?,
            spawn("store-ahead", |inner| inner.ahead.run(|error| inner.flusher.fail(error)))?,
            spawn("store-dispatch", Self::dispatch)?,
            spawn("store-clean", Self::clean)?,
        ];
        if this.index.is_some() {
            threads.push(spawn("store-index", |inner| {
                if let Some(index) = &inner.index {
                    index.run(|| inner.readable_end());
                }
            })?);
        }
        {
            let tip = this.tip.lock();
            this.ahead.ask(AheadJob { segment: Arc::clone(&tip.segment), at: tip.at });
        }
        Ok(threads)
    }

    fn readable_end(&self) -> PhysicalOffset {
        match self.config.flush {
            FlushMode::Async(_) => self.flusher.published(),
            FlushMode::Sync => self.flusher.durable(),
        }
    }

    fn disk_used(&self) -> f64 {
        self.disk_used.load(Ordering::Relaxed) as f64 / 1e6
    }

    fn mending<'a>(&'a self, queue: &'a ConsumeQueue) -> Mending<'a> {
        let levels = &self.config.delay_levels;
        Mending { queue, segments: &self.segments, levels, end: self.readable_end() }
    }

    /// Takes a topic's queues away. Under the append lock: no message gets into them afterwards.
    fn forget_topic(&self, topic: &str) -> Vec<Arc<ConsumeQueue>> {
        let removed = self.queues.remove(topic);
        let mut digest = self.digest.lock();
        for queue in &removed {
            queue.mark_deleted();
            let next = queue.next_offset().0;
            digest.count -= i64::from(next > 0);
            digest.entries -= next;
        }
        removed
    }

    /// Waits for a checkpoint of what is there now.
    fn await_checkpoint(&self) -> io::Result<()> {
        let mut state = self.checkpoints.state.lock();
        state.0 += 1;
        let mine = state.0;
        self.stop.1.notify_all();
        let deadline = Instant::now() + CHECKPOINT_WITHIN;
        while state.1 < mine {
            if self.checkpoints.done.wait_until(&mut state, deadline).timed_out() {
                return Err(io::Error::other("no checkpoint could be written in time: see the log"));
            }
        }
        Ok(())
    }

    /// The dispatch thread: queue tails to files, checkpoints.
    fn dispatch(&self) {
        let (mut last_checkpoint, mut last_index_sync) = (Instant::now(), Instant::now());
        let mut checkpointed = self.flusher.published();
        let (every, every_bytes) = self.config.checkpoint_every;
        let (mut pace, mut last_took) = (Pace::default(), Duration::ZERO);
        while !self.wait(WRITE_EVERY) {
            let entries = self.digest.lock().entries;
            if pace.is_worth_a_write(entries, self.dirty.len()) {
                if let Err(error) = self.write_tails(&mut self.unsynced.lock()) {
                    tracing::warn!(%error, "cannot write ConsumeQueue files: entries stay in memory until it works");
                    continue;
                }
                pace.wrote(entries);
            }
            let behind = self.flusher.published() - checkpointed;
            let (asked, done) = *self.checkpoints.state.lock();
            if asked > done
                || behind as u64 > every_bytes
                || (behind > 0 && last_checkpoint.elapsed() > every.max(CHECKPOINTS_REST * last_took))
            {
                if last_index_sync.elapsed() > INDEX_SYNC_EVERY
                    && let Some(index) = &self.index
                {
                    last_index_sync = Instant::now();
                    if let Err(error) = index.flush() {
                        tracing::warn!(%error, "cannot sync the index");
                    }
                }
                checkpointed = self.flusher.published();
                last_checkpoint = Instant::now();
                match self.write_checkpoint() {
                    Ok(took) => {
                        last_took = took;
                        pace.wrote(entries);
                        self.checkpoints.state.lock().1 = asked;
                        self.checkpoints.done.notify_all();
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot write a checkpoint: a recovery would take longer");
                    }
                }
                step("checkpoint: written");
            }
        }
    }

    /// Waits for the stop; true when it has come.
    fn wait(&self, limit: Duration) -> bool {
        let mut stop = self.stop.0.lock();
        if !*stop {
            self.stop.1.wait_for(&mut stop, limit);
        }
        *stop
    }

    fn write_tails(&self, unsynced: &mut Unsynced) -> io::Result<()> {
        self.dirty.write(self.readable_end(), unsynced)?;
        step("queues: written");
        Ok(())
    }

    /// Gives the time that it took, without that in which the log got to the disk.
    fn write_checkpoint(&self) -> io::Result<Duration> {
        let moment = {
            let tip = self.tip.lock();
            Moment {
                end: tip.end(),
                queues: *self.digest.lock(),
                timestamp: tip.last_timestamp,
                last: tip.last,
            }
        };
        self.wait_durable(moment.end)?;
        let begun = Instant::now();
        let mut unsynced = self.unsynced.lock();
        self.write_tails(&mut unsynced)?;
        if self.unsafe_queues.load(Ordering::Relaxed) {
            return Err(io::Error::other(
                "queue files could not be synced before: the next start builds them anew",
            ));
        }
        if let Err(error) = unsynced.sync(&self.config.root) {
            // The kernel tells of a failure once.
            self.unsafe_queues.store(true, Ordering::Relaxed);
            tracing::error!(%error, "cannot sync ConsumeQueue files: no checkpoint is written until the next start");
            return Err(error);
        }
        drop(unsynced);
        step("checkpoint: queues synced");
        self.checkpoint.lock().write(Checkpoint {
            dispatched: moment.end,
            indexed: self.index.as_ref().map_or(PhysicalOffset(0), Index::synced),
            queues: moment.queues,
            boot: self.boot,
            timestamp: moment.timestamp,
            last: moment.last,
        })?;
        Ok(begun.elapsed())
    }

    fn wait_durable(&self, end: PhysicalOffset) -> io::Result<()> {
        while self.flusher.durable() < end {
            if self.flusher.has_failed() {
                return Err(io::Error::other("the log could not be flushed"));
            }
            self.flusher.ask();
            thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    /// The cleaning thread: old files go, a full disk is noticed.
    fn clean(&self) {
        loop {
            let is_refusing = self.refusing.load(Ordering::Relaxed);
            if self.wait(if is_refusing { LOOK_EVERY } else { CLEAN_EVERY }) {
                return;
            }
            match self.delete_old_files(false) {
                Ok(_) => self.look_at_disk(),
                Err(error) => tracing::warn!(%error, "cannot delete old files"),
            }
        }
    }

    fn facts(&self, asked: bool) -> io::Result<Facts> {
        let now = clock::now();
        let set_at = self.jumps.lock().look(now, Instant::now());
        let active = self.tip.lock().segment.base();
        let mut ages = Vec::new();
        for segment in self.segments.all().iter().filter(|segment| segment.base() < active) {
            let modified = segment.file().metadata()?.modified()?;
            ages.push(retention::age(modified, set_at, now));
        }
        let disk_used = sys::disk_used(self.segments.dir())?;
        Ok(Facts { ages, disk_used, hour: clock::local().hour(), asked })
    }

    fn look_at_disk(&self) {
        match self.facts(false) {
            Ok(facts) => {
                self.disk_used.store((facts.disk_used * 1e6) as u64, Ordering::Relaxed);
                let refuse = retention::decide(&self.config.retention, &facts).refuse;
                if refuse != self.refusing.swap(refuse, Ordering::Relaxed) {
                    let used = facts.disk_used * 100.0;
                    if refuse {
                        tracing::error!(
                            "the disk is {used:.1} % full: messages are refused until space is freed"
                        );
                    } else {
                        tracing::info!("the disk is {used:.1} % full: messages are taken again");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "cannot look at the disk"),
        }
    }

    /// Deletes some of the files that have to go; true when it deleted any.
    fn delete_old_files(&self, asked: bool) -> io::Result<bool> {
        let decision = retention::decide(&self.config.retention, &self.facts(asked)?);
        let mut deleted = false;
        for _ in 0..decision.delete {
            // Files that were never read by the index or flushed stay: both follow within moments.
            let below = self
                .index
                .as_ref()
                .map_or_else(|| self.flusher.durable(), Index::indexed)
                .min(self.flusher.durable());
            let Some(removed) = self.segments.remove_first(below)? else { break };
            tracing::info!(path = %removed.path().display(), "deleted an old CommitLog file");
            deleted = true;
            if self.wait(Duration::from_millis(100)) {
                break;
            }
        }
        if deleted {
            self.trim_derived()?;
        }
        Ok(deleted)
    }

    /// Drops what queues and index have of messages that are not in the log any more.
    fn trim_derived(&self) -> io::Result<()> {
        let end = self.readable_end();
        let start = self.segments.first().map_or(end, |first| first.base());
        for queue in self.queues.all() {
            queue.trim(start, end)?;
        }
        self.index.as_ref().map_or(Ok(()), |index| index.trim(start))
    }
}

mod append;
mod busy;
#[cfg(test)]
mod tests;
