//! Clients of one life of the broker. They note what they see, send nothing twice, and end when the broker is gone.

mod group;
mod halves;
mod janitor;
mod lane;
mod pace;
mod reader;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::history::{Place, Recorder};
pub(super) use halves::Halves;
pub(super) use reader::Reading;

/// Connections that send, and what each has under way.
const LANES: u32 = 8;
const DEPTH: usize = 8;

pub(super) const ORDERS: &str = "orders";
pub(super) const PAYMENTS: &str = "payments";
pub(super) const TIMED: &str = "timed";
pub(super) const DECIDED: &str = "decided";
/// Queues of a topic that a send makes.
const QUEUES: i32 = 4;

/// What all clients of a scenario share.
#[derive(Debug)]
pub(super) struct World {
    pub recorder: Recorder,
    pub port: u16,
    /// A file of nobody's, on the disk that holds everything.
    scratch: PathBuf,
    /// The file with the store's disk, if that has one.
    image: Option<PathBuf>,
    /// Queues that somebody sent to.
    places: Mutex<BTreeSet<Place>>,
    pub halves: Halves,
    /// The latest time at which a message has to come, in milliseconds since the epoch.
    pub last_due: AtomicU64,
    /// No messages that wait for something.
    pub is_plain: bool,
    /// Acknowledged since clients were last set to work, and refused.
    pub count: AtomicU64,
    refused: AtomicU64,
    /// Where in the log the last acknowledged message begins.
    acked: AtomicI64,
    /// Nobody begins anything new.
    pub stop: AtomicBool,
}

impl World {
    pub(super) fn new(recorder: Recorder, port: u16, scratch: PathBuf, image: Option<PathBuf>) -> Self {
        Self {
            recorder,
            port,
            scratch,
            image,
            places: Mutex::default(),
            halves: Halves::default(),
            last_due: AtomicU64::new(0),
            is_plain: false,
            count: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            acked: AtomicI64::new(0),
            stop: AtomicBool::new(false),
        }
    }

    pub(super) fn places(&self) -> Vec<Place> {
        self.known().iter().cloned().collect()
    }

    fn know(&self, place: &Place) {
        let mut known = self.known();
        if !known.contains(place) {
            known.insert(place.clone());
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeSet<Place>> {
        self.places.lock().expect("no one panics while holding it")
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Everything acknowledged begins before it in the log.
    pub(super) fn acked_end(&self) -> i64 {
        self.acked.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Has clients at work until `enough` messages were acknowledged or the time is over, then does `fault` to their broker.
    pub(super) fn work<T>(
        &self,
        life: u32,
        enough: u64,
        at_most: Duration,
        fault: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.count.store(0, Ordering::Relaxed);
        self.refused.store(0, Ordering::Relaxed);
        self.stop.store(false, Ordering::Relaxed);
        thread::scope(|scope| {
            for lane in 0..LANES {
                scope.spawn(move || lane::run(self, lane, life));
            }
            scope.spawn(move || janitor::run(self, life));
            scope.spawn(move || pace::run(self));
            if !self.is_plain {
                scope.spawn(move || lane::run_timed(self, LANES));
                scope.spawn(move || halves::run(self, LANES + 1));
            }
            for client in ["a", "b"] {
                scope.spawn(move || group::run(self, client, life));
            }
            let since = Instant::now();
            while self.count.load(Ordering::Relaxed) < enough && since.elapsed() < at_most {
                thread::sleep(Duration::from_micros(200));
            }
            let result = fault();
            self.stop.store(true, Ordering::Relaxed);
            result
        })
    }

    /// One message, to see that the broker takes any.
    pub(super) fn send_one(&self) -> Result<()> {
        lane::send_one(self)
    }

    /// Waits until nothing is open: no half that nobody decided on, no message whose time has not come.
    pub(super) fn settle(&self, patience: Duration) -> Result<()> {
        if self.is_plain {
            return Ok(());
        }
        halves::settle(self, patience)?;
        let last = self.last_due.load(Ordering::Relaxed);
        let now = now_ms();
        thread::sleep(Duration::from_millis(last.saturating_sub(now as u64)));
        Ok(())
    }
}

pub(super) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}
