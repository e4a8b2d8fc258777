//! How long a broker takes from its start to its first SEND_OK, after a crash, with a log of a given size.

mod fill;
mod rebuild;

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::broker_client::{BrokerClient, Draft};
use crate::cold;
use crate::{Cluster, Setup, Target};

pub use rebuild::Rebuilt;

const TOPIC: &str = "recovery";
const QUEUES: u32 = 16;
/// The key of the last message before a rebuild.
const LAST: &str = "RECOVERY-LAST";
/// A broker that is not back by then is a failure, not a figure.
const PATIENCE: Duration = Duration::from_secs(1800);

/// A broker with a log of some size.
pub struct Recovery {
    cluster: Cluster,
    pub gib: u64,
}

/// What its kills came to.
#[derive(Debug)]
pub struct Kills {
    /// From the start of the program to the first SEND_OK, the shortest first.
    back_after: Vec<Duration>,
}

impl Recovery {
    /// Fills a new broker's log.
    pub fn prepare(gib: u64) -> Result<Self> {
        let cluster =
            Cluster::start(Target::Gantry, Setup::default().set("mappedFileSizeCommitLog", fill::FILE))?;
        BrokerClient::open(cluster.broker_port())?.create_topic(TOPIC, QUEUES, QUEUES)?;
        fill::to(&cluster, gib)?;
        Ok(Self { cluster, gib })
    }

    /// Kills it so many times amid as many small messages as it takes, at some moment between two checkpoints.
    pub fn kill(&mut self, times: u32) -> Result<Kills> {
        let mut back_after = Vec::new();
        for _ in 0..times {
            let port = self.cluster.broker_port();
            let time = Duration::from_millis(fastrand::u64(1_000..6_000));
            thread::scope(|scope| -> Result<()> {
                let load = scope.spawn(move || fill::small_until_it_dies(port));
                thread::sleep(time);
                self.cluster.kill_broker()?;
                load.join().ok().context("the load panicked")
            })?;
            back_after.push(self.cluster.time_to_first_send(TOPIC, PATIENCE)?);
        }
        back_after.sort_unstable();
        Ok(Kills { back_after })
    }

    /// Stops it, takes away what is derived from the log, and lets it be built anew, from a log that is on the disk only.
    pub fn rebuild(&mut self) -> Result<Rebuilt> {
        let last = Draft { topic: TOPIC, queue: 0, body: b"last", properties: &[("UNIQ_KEY", LAST)] };
        BrokerClient::open(self.cluster.broker_port())?.send(&last)?;
        self.cluster.stop_broker()?;
        let store = self.cluster.store();
        let bytes = rebuild::bytes_on_disk(&store.join("commitlog"))?;
        cold::forget(&store)?;
        let read_in = rebuild::read_all(&store.join("commitlog"))?;
        cold::forget(&store)?;
        rebuild::remove_derived(&store)?;
        let start = Instant::now();
        let back_after = self.cluster.time_to_first_send(TOPIC, PATIENCE)?;
        let mut broker = BrokerClient::open(self.cluster.broker_port())?;
        while !broker.query(TOPIC, LAST, true).is_ok_and(|found| !found.is_empty()) {
            ensure!(start.elapsed() < PATIENCE, "the index is not there");
            thread::sleep(Duration::from_millis(20));
        }
        let indexed_after = start.elapsed();
        let messages = broker.stored(TOPIC, QUEUES)?;
        Ok(Rebuilt { bytes, messages, read_in, back_after, indexed_after })
    }
}

impl fmt::Display for Kills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |time: Option<&Duration>| time.map_or(f64::NAN, Duration::as_secs_f64);
        let median = seconds(self.back_after.get(self.back_after.len() / 2));
        let slowest = seconds(self.back_after.last());
        write!(
            f,
            "{} kills: the first SEND_OK after {median:.3} s (median), {slowest:.3} s (slowest)",
            self.back_after.len()
        )
    }
}
