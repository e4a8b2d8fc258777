//! One store, and a broker on it that is killed again and again while clients use it.

use super::{Broker, free_port};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What clients do with a broker that is killed, and what has to have come of it.
pub trait Load {
    /// Those of the broker.
    const SETTINGS: &'static [&'static str];

    /// Goes on until the broker is gone.
    async fn work(&mut self, job: &Job);

    /// Waits until all has come that has to, and sees that nothing else did.
    async fn judge(&mut self, broker: &Broker, root: &Path);
}

/// One life's work.
#[derive(Clone)]
pub struct Job {
    /// Of the broker.
    pub addr: String,
    /// In all of this life's messages, and in none of another's.
    pub life: String,
    /// How much was done.
    pub count: Arc<AtomicU64>,
    /// Whoever sends rests so long between two messages.
    pub pause: Duration,
}

impl Job {
    /// Something more was done.
    pub async fn did_one(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
        if !self.pause.is_zero() {
            tokio::time::sleep(self.pause).await;
        }
    }
}

/// When a broker is killed.
#[derive(Clone, Copy)]
pub enum Moment {
    /// After so many things were done, or 5 s.
    Done(u64),
    /// After this time.
    After(Duration),
}

/// How often a broker is killed: `GANTRY_CRASH_CYCLES`, or this.
pub fn kills(modest: u64) -> u64 {
    std::env::var("GANTRY_CRASH_CYCLES").ok().and_then(|n| n.parse().ok()).unwrap_or(modest)
}

/// A store that brokers live on, one after the other.
pub struct Lives<L> {
    _dir: tempfile::TempDir,
    root: PathBuf,
    port: u16,
    lives: u64,
    pub load: L,
}

impl<L: Load> Lives<L> {
    pub fn new(load: L) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("store");
        std::fs::create_dir(&root).unwrap();
        Self { _dir: dir, root, port: free_port(), lives: 0, load }
    }

    /// `kill -9` in the middle of it.
    pub async fn kill(&mut self, moment: Moment) {
        let broker = Broker::start(&self.root, self.port, L::SETTINGS).await;
        let job = self.job(&broker, Duration::ZERO);
        let count = Arc::clone(&job.count);
        let work = self.load.work(&job);
        let kill = async {
            let start = Instant::now();
            let is_time = || match moment {
                Moment::Done(enough) => {
                    count.load(Ordering::Relaxed) >= enough || start.elapsed() > Duration::from_secs(5)
                }
                Moment::After(time) => start.elapsed() > time,
            };
            while !is_time() {
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
            broker.kill();
        };
        tokio::join!(work, kill);
        self.lives += 1;
    }

    /// The broker dies when it comes to a step (`NAME#N`, see `gantry_store::faults`), and it has to come there.
    pub async fn die_at(&mut self, step: &str) {
        let broker = Broker::start_to_die(&self.root, self.port, L::SETTINGS, step).await;
        // Most of the time is spent on waiting for the step, not on work.
        let job = self.job(&broker, Duration::from_millis(4));
        let work = self.load.work(&job);
        tokio::join!(work, broker.died_at(step));
        self.lives += 1;
    }

    fn job(&self, broker: &Broker, pause: Duration) -> Job {
        Job { addr: broker.addr.clone(), life: self.lives.to_string(), count: Arc::default(), pause }
    }

    /// A last life, in which everything has to come right.
    pub async fn judge(&mut self) {
        let broker = Broker::start(&self.root, self.port, L::SETTINGS).await;
        self.load.judge(&broker, &self.root).await;
    }
}
