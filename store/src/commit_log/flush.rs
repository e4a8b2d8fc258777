//! Group commit: one flush for everything that waits, no timer, no lock shared with the append.
//!
//! The thread flushes from *durable* to *published*, moves *durable* once, tells the listeners once, and goes on at once
//! when more was published meanwhile: while the disk works, the next group gathers. In ASYNC mode it does the same at an
//! interval. Who is alone may flush without the thread, and saves the two ways between them. A failed flush is never tried
//! again: the kernel may have dropped the pages and would report success.

use super::Segments;
use crate::PhysicalOffset;
use crate::faults::{Fault, has, step};
use crate::watermark::Watermark;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

type OnDurable = Box<dyn Fn(PhysicalOffset) + Send + Sync>;
type OnFailure = Box<dyn Fn(&io::Error) + Send + Sync>;

const NOT_FLUSHING: u64 = u64::MAX;
/// A flush that is worth waiting for: the way to the thread and back takes about a tenth of it.
const QUICK: Duration = Duration::from_millis(1);

/// The two cursors, and the thread that moves the second after the first.
pub(crate) struct Flusher {
    segments: Arc<Segments>,
    watermark: Watermark,
    published: AtomicI64,
    durable: AtomicI64,
    failed: AtomicBool,
    stopping: AtomicBool,
    /// A flush was asked for out of turn.
    asked: AtomicBool,
    asleep: AtomicBool,
    /// Held by whoever flushes.
    at_work: Mutex<()>,
    /// What the last flush took, in microseconds.
    last_took: AtomicU64,
    /// Where `flushing_since` counts from.
    clock: Instant,
    /// Milliseconds; [`NOT_FLUSHING`] between two flushes.
    flushing_since: AtomicU64,
    thread: Mutex<Option<Thread>>,
    on_durable: Mutex<Vec<OnDurable>>,
    on_failure: Mutex<Option<OnFailure>>,
}

impl Flusher {
    /// Everything below `end` is on the disk.
    pub(crate) fn new(segments: Arc<Segments>, end: PhysicalOffset, watermark: Watermark) -> Self {
        watermark.set(end);
        Self {
            segments,
            watermark,
            published: AtomicI64::new(end.0),
            durable: AtomicI64::new(end.0),
            failed: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            at_work: Mutex::new(()),
            last_took: AtomicU64::new(u64::MAX),
            clock: Instant::now(),
            flushing_since: AtomicU64::new(NOT_FLUSHING),
            thread: Mutex::new(None),
            on_durable: Mutex::new(Vec::new()),
            on_failure: Mutex::new(None),
        }
    }

    pub(crate) fn published(&self) -> PhysicalOffset {
        PhysicalOffset(self.published.load(Ordering::Acquire))
    }

    pub(crate) fn durable(&self) -> PhysicalOffset {
        PhysicalOffset(self.durable.load(Ordering::Acquire))
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// How long the flush that is under way has taken so far.
    pub(crate) fn busy_for(&self) -> Duration {
        match self.flushing_since.load(Ordering::Relaxed) {
            NOT_FLUSHING => Duration::ZERO,
            since => Duration::from_millis(self.clock_ms().saturating_sub(since)),
        }
    }

    /// True while a flush is under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.flushing_since.load(Ordering::Relaxed) != NOT_FLUSHING
    }

    fn clock_ms(&self) -> u64 {
        self.clock.elapsed().as_millis() as u64
    }

    /// Called under the append lock, after the bytes below `end` are in place.
    pub(crate) fn publish(&self, end: PhysicalOffset) {
        self.published.store(end.0, Ordering::Release);
    }

    /// Has the thread flush now; cheap when it is at work already.
    pub(crate) fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst)
            && let Some(thread) = &*self.thread.lock()
        {
            thread.unpark();
        }
    }

    /// Flushes on this thread, if nobody is at it and the last flush was quick. What the caller published is on the disk then, or the
    /// flush failed; otherwise the thread is asked.
    pub(crate) fn flush_here_if_quick(&self) {
        if self.last_took.load(Ordering::Relaxed) < QUICK.as_micros() as u64
            && let Some(_at_work) = self.at_work.try_lock()
        {
            // It tells of a failure itself.
            let _ = self.flush();
        } else {
            self.ask();
        }
    }

    pub(crate) fn on_durable(&self, listener: OnDurable) {
        self.on_durable.lock().push(listener);
    }

    /// Has `listener` called when a flush fails, or now when one has.
    pub(crate) fn on_failure(&self, listener: OnFailure) {
        let mut told = self.on_failure.lock();
        if self.has_failed() {
            listener(&has_failed());
        }
        *told = Some(listener);
    }

    /// The thread's work, until [`stop`](Self::stop). `interval`: none in SYNC mode.
    pub(crate) fn run(&self, interval: Option<Duration>) {
        *self.thread.lock() = Some(thread::current());
        loop {
            let stopping = self.stopping.load(Ordering::SeqCst);
            self.asked.store(false, Ordering::SeqCst);
            let flushed = {
                let _at_work = self.at_work.lock();
                self.flush()
            };
            if flushed.is_err() || stopping {
                return;
            }
            self.asleep.store(true, Ordering::SeqCst);
            let idle = || !self.asked.load(Ordering::SeqCst) && !self.stopping.load(Ordering::SeqCst);
            match interval {
                Some(interval) if idle() => thread::park_timeout(interval),
                None if idle() => thread::park(),
                _ => {}
            }
            self.asleep.store(false, Ordering::SeqCst);
        }
    }

    fn flush(&self) -> io::Result<()> {
        let (from, to) = (self.durable(), self.published());
        self.check_not_failed()?;
        if from == to {
            return Ok(());
        }
        step("flush: begun");
        if has(Fault::AckBeforeSync) {
            self.became_durable(to);
            thread::sleep(Duration::from_millis(20));
        }
        let begun = Instant::now();
        self.flushing_since.store(self.clock_ms(), Ordering::Relaxed);
        let flushed = self.flush_range(from, to);
        self.flushing_since.store(NOT_FLUSHING, Ordering::Relaxed);
        self.last_took.store(begun.elapsed().as_micros() as u64, Ordering::Relaxed);
        if let Err(error) = flushed
            && !has(Fault::SyncErrorSwallowed)
        {
            self.fail(&error);
            return Err(error);
        }
        // Somebody else may have been told of what these pages lacked.
        self.check_not_failed()?;
        step("flush: on the disk");
        self.watermark.set(to);
        step("flush: noted");
        self.became_durable(to);
        step("flush: told");
        Ok(())
    }

    fn check_not_failed(&self) -> io::Result<()> {
        if self.has_failed() { Err(has_failed()) } else { Ok(()) }
    }

    fn became_durable(&self, to: PhysicalOffset) {
        self.durable.store(to.0, Ordering::Release);
        for listener in &*self.on_durable.lock() {
            listener(to);
        }
    }

    /// Nothing is safe any more, and nothing is taken.
    pub(crate) fn fail(&self, error: &io::Error) {
        if self.failed.swap(true, Ordering::AcqRel) {
            return;
        }
        match &*self.on_failure.lock() {
            Some(listener) => listener(error),
            None => tracing::error!(%error, "a flush failed: the store has stopped"),
        }
    }

    fn flush_range(&self, from: PhysicalOffset, to: PhysicalOffset) -> io::Result<()> {
        let mut at = from;
        while at < to {
            let segment = self.segments.find(at).ok_or(io::ErrorKind::NotFound)?;
            if !has(Fault::NoSync) {
                segment.mapping().flush(segment.range(at, to))?;
            }
            at = segment.end();
            step("flush: to the end of a file");
        }
        Ok(())
    }

    /// Lets the thread flush what is there and end.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        if let Some(thread) = &*self.thread.lock() {
            thread.unpark();
        }
    }
}

fn has_failed() -> io::Error {
    io::Error::other("the log could not be written")
}
