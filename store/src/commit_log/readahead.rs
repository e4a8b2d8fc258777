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
use std::time::Duration;

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
    /// The file after the current one, or why it could not be made.
    next: Mutex<Option<io::Result<Arc<Segment>>>>,
    made: Condvar,
}

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
            next: Mutex::new(None),
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
        self.next_ask.store(end + (self.window / 2).max(1024 * 1024), Ordering::Relaxed);
        *self.job.lock() = Some(job);
        self.wake.notify_one();
    }

    /// The file after `current`: usually made long ago; waits for it, or makes it, otherwise.
    pub(crate) fn next_segment(&self, current: &Arc<Segment>) -> io::Result<Arc<Segment>> {
        let mut next = self.next.lock();
        loop {
            match next.take() {
                Some(Ok(segment)) if segment.base() == current.end() => return Ok(segment),
                Some(Err(error)) => return Err(error),
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

    /// The thread's work, until [`stop`](Self::stop).
    pub(crate) fn run(&self) {
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
            self.warm(&segment, at, &mut warmed);
        }
        self.made.notify_all();
    }

    fn make_next(&self, segment: &Arc<Segment>) {
        let mut next = self.next.lock();
        let base = segment.end();
        if matches!(&*next, Some(Ok(made)) if made.base() == base) {
            return;
        }
        // Already there after a restart, or the space ran out the last time.
        let made = match self.segments.find(base) {
            Some(existing) => Ok(existing),
            None => {
                // Not under the lock: an append that needs no new file must not wait for the disk. Nobody else makes
                // files while this thread runs.
                drop(next);
                let made = self.segments.create(base);
                next = self.next.lock();
                made
            }
        };
        if let Err(error) = &made {
            tracing::error!(%error, "cannot make the next CommitLog file");
        }
        *next = Some(made);
        self.made.notify_all();
    }

    /// Faults in what the append will touch next, starting where the last time ended.
    fn warm(&self, segment: &Segment, at: usize, warmed: &mut crate::PhysicalOffset) {
        if self.window == 0 {
            return;
        }
        let end = segment.base() + (at as i64 + self.window as i64);
        let range = segment.range((segment.base() + at as i64).max(*warmed), end);
        let range = range.start.div_ceil(PAGE) * PAGE..range.end / PAGE * PAGE;
        if range.start >= range.end {
            return;
        }
        *warmed = segment.base() + range.end as i64;
        let result = segment.mapping().warm_for_writing(range.clone());
        let result =
            result.and_then(|()| if self.prewrite { segment.mapping().flush(range) } else { Ok(()) });
        if let Err(error) = result {
            // Only slower: the append faults the pages in itself.
            tracing::debug!(%error, "cannot warm the CommitLog ahead");
        }
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _job = self.job.lock();
        self.wake.notify_all();
        self.made.notify_all();
    }
}
