//! Work ahead of the append, on a thread of its own: the next file exists before it is needed, and the pages that the
//! append will touch next are already in memory.
//!
//! A page fault in a fresh file costs microseconds, and under the append lock everybody would pay for it.

use super::{Segment, Segments};
use crate::mapping::PAGE;
use parking_lot::{Condvar, Mutex};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What shall be ready.
#[derive(Clone, Debug)]
pub(crate) struct AheadJob {
    /// The file being appended to.
    pub(crate) segment: Arc<Segment>,
    /// Position of the append in it.
    pub(crate) at: usize,
}

/// The thread's state, shared with the append.
#[derive(Debug)]
pub(crate) struct Ahead {
    segments: Arc<Segments>,
    window: u64,
    /// SYNC mode: pages are also written out ahead, so that a flush finds its blocks initialised.
    prewrite: bool,
    mlock: bool,
    /// Physical offset at which the append should ask again.
    next_ask: AtomicU64,
    job: Mutex<Option<AheadJob>>,
    wake: Condvar,
    stopping: AtomicBool,
    /// The file after the current one.
    next: Mutex<Next>,
    made: Condvar,
}

#[derive(Debug, Default)]
enum Next {
    #[default]
    Unknown,
    Made(Arc<Segment>),
    /// Why it could not be made, and when that was tried.
    Failed(io::ErrorKind, Instant),
}

/// Bytes that are prepared at once: while a disk takes as many, a flush of a message waits behind them.
const STEP: u64 = 1024 * 1024;

/// How long a failure to make a file counts: trying takes what space there is, and others need it.
const FAILED_FOR: Duration = Duration::from_secs(1);

impl Ahead {
    pub(crate) fn new(segments: Arc<Segments>, window: u64, prewrite: bool, mlock: bool) -> Self {
        Self {
            segments,
            window,
            prewrite,
            mlock,
            next_ask: AtomicU64::new(0),
            job: Mutex::new(None),
            wake: Condvar::new(),
            stopping: AtomicBool::new(false),
            next: Mutex::default(),
            made: Condvar::new(),
        }
    }

    /// Called under the append lock with the end of the log: one comparison, unless it is time to ask.
    pub(crate) fn appended(&self, job: impl FnOnce() -> AheadJob, end: i64) {
        if end as u64 >= self.next_ask.load(Ordering::Relaxed) {
            self.ask(job());
        }
    }

    /// Has the thread prepare what `job` says.
    pub(crate) fn ask(&self, job: AheadJob) {
        let end = (job.segment.base() + job.at as i64).0 as u64;
        self.next_ask.store(end + STEP, Ordering::Relaxed);
        *self.job.lock() = Some(job);
        self.wake.notify_one();
    }

    /// The file after `current`: usually made long ago; waits for it, or makes it, otherwise.
    pub(crate) fn next_segment(&self, current: &Arc<Segment>) -> io::Result<Arc<Segment>> {
        let mut next = self.next.lock();
        loop {
            match &*next {
                Next::Made(segment) if segment.base() == current.end() => return Ok(Arc::clone(segment)),
                Next::Failed(kind, when) if when.elapsed() < FAILED_FOR => return Err((*kind).into()),
                _ => {}
            }
            if self.stopping.load(Ordering::SeqCst) {
                return self.segments.create(current.end());
            }
            *self.job.lock() = Some(AheadJob { segment: Arc::clone(current), at: current.mapping().len() });
            self.wake.notify_one();
            // With a limit, so that a stop between the check above and the wait cannot be missed.
            self.made.wait_for(&mut next, Duration::from_millis(100));
        }
    }

    /// The thread's work, until [`stop`](Self::stop). `fail` is told when bytes could not be written to the disk, which may be any of
    /// the file: the kernel tells of each failure only once.
    pub(crate) fn run(&self, fail: impl Fn(&io::Error)) {
        let (mut warmed, mut locked) = (crate::PhysicalOffset(0), None);
        loop {
            let job = {
                let mut job = self.job.lock();
                while job.is_none() && !self.stopping.load(Ordering::SeqCst) {
                    self.wake.wait(&mut job);
                }
                if self.stopping.load(Ordering::SeqCst) {
                    break;
                }
                job.take()
            };
            let Some(AheadJob { segment, at }) = job else { continue };
            self.make_next(&segment);
            if self.mlock && locked != Some(segment.base()) {
                locked = Some(segment.base());
                if let Err(error) = segment.mapping().lock() {
                    tracing::warn!(%error, "cannot lock the CommitLog into memory: raise the limit of locked memory (ulimit -l)");
                }
            }
            if let Err(error) = self.warm(&segment, at, &mut warmed) {
                fail(&error);
            }
        }
        self.made.notify_all();
    }

    fn make_next(&self, segment: &Arc<Segment>) {
        let base = segment.end();
        match &*self.next.lock() {
            Next::Made(made) if made.base() == base => return,
            Next::Failed(_, when) if when.elapsed() < FAILED_FOR => return,
            _ => {}
        }
        // Already there after a restart. Not under the lock: an append that needs no new file must not wait for the disk. Nobody
        // else makes files while this thread runs.
        let made = match self.segments.find(base) {
            Some(existing) => Ok(existing),
            None => self.segments.create(base),
        };
        *self.next.lock() = match made {
            Ok(segment) => Next::Made(segment),
            Err(error) => {
                tracing::error!(%error, "cannot make the next CommitLog file");
                Next::Failed(error.kind(), Instant::now())
            }
        };
        self.made.notify_all();
    }

    /// Faults in what the append will touch next, starting where the last time ended.
    ///
    /// # Errors
    /// A flush failed.
    fn warm(&self, segment: &Segment, at: usize, warmed: &mut crate::PhysicalOffset) -> io::Result<()> {
        if self.window == 0 {
            return Ok(());
        }
        let end = segment.base() + (at as i64 + self.window as i64);
        let range = segment.range((segment.base() + at as i64).max(*warmed), end);
        let range = range.start.div_ceil(PAGE) * PAGE..range.end / PAGE * PAGE;
        if range.start >= range.end {
            return Ok(());
        }
        *warmed = segment.base() + range.end as i64;
        if let Err(error) = segment.mapping().warm_for_writing(range.clone()) {
            // Only slower: the append faults the pages in itself.
            tracing::debug!(%error, "cannot warm the CommitLog ahead");
            return Ok(());
        }
        if self.prewrite { segment.mapping().flush(range) } else { Ok(()) }
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _job = self.job.lock();
        self.wake.notify_all();
        self.made.notify_all();
    }
}
