//! A group that is far behind beside live traffic: what the one has read from the disk must not slow the other.

use std::fs::{self, File};
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};

use super::process_cost::{Busy, bytes_from_disk};
use crate::broker_client::{BrokerClient, Draft};
use crate::cluster::{Cluster, Setup};
use crate::cold;
use crate::many;
use crate::target::Target;

const OLD: &str = "Old";
const LIVE: &str = "Live";
/// Of the topic that is far behind, each read by a member of its own.
const QUEUES: u32 = 4;
const BODY: usize = 1024;
/// Between two live sends: far below what any broker can take.
const PACE: Duration = Duration::from_millis(1);
/// Live sends that nobody looks at, for Java to compile what they need.
const WARM_UP: Duration = Duration::from_secs(10);
/// How long live traffic is looked at by itself.
const ALONE: Duration = Duration::from_secs(5);

/// A broker with a backlog.
#[derive(Debug)]
pub struct Backlog {
    cluster: Cluster,
    messages: usize,
}

/// How long live sends took, from when each was due.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    pub p50: Duration,
    pub p99: Duration,
    pub max: Duration,
}

/// Live sends by themselves, while the backlog was read from the disk, and while it was read once more, from memory: readers take
/// the processors, too, wherever it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Beside {
    pub alone: Latency,
    pub cold: Latency,
    pub warm: Latency,
    /// Records that were read, in bytes.
    pub read: u64,
    /// Bytes that the broker had the disk read for it.
    pub from_disk: u64,
    pub took: Duration,
    /// Processors that the broker kept busy meanwhile.
    pub broker_busy: f64,
    /// Processors that those kept busy who read and sent.
    pub clients_busy: f64,
}

impl Backlog {
    /// Starts a broker and stores so many messages of 1 KiB.
    pub fn prepare(target: Target, messages: usize) -> Result<Self> {
        let setup = Setup::default()
            .full_speed()
            .set("mappedFileSizeCommitLog", 1_u32 << 28)
            .set("maxHashSlotNum", 50_000)
            .set("maxIndexNum", 200_000);
        let cluster = Cluster::start(target, setup)?;
        let mut client = BrokerClient::open(cluster.broker_port())?;
        client.create_topic(OLD, QUEUES, QUEUES)?;
        client.create_topic(LIVE, 1, 1)?;
        many::all(cluster.broker_port(), messages, &|n| {
            let queue = (n % QUEUES as usize) as i32;
            Draft { topic: OLD, queue, body: &[b'x'; BODY], properties: &[] }.request()
        })?;
        Ok(Self { cluster, messages })
    }

    /// Bytes a second of its log that the disk gives to one who reads it from start to end, with no broker.
    pub fn sequential_rate(&mut self) -> Result<f64> {
        /// What a reader that wants speed asks for at once.
        const CHUNK: usize = 1 << 20;
        self.cluster.stop_broker()?;
        cold::forget(&self.cluster.store())?;
        let (start, mut bytes, mut chunk) = (Instant::now(), 0, vec![0; CHUNK]);
        for entry in fs::read_dir(self.cluster.store().join("commitlog"))? {
            let mut file = File::open(entry?.path())?;
            loop {
                let count = file.read(&mut chunk)?;
                // What was allocated and not written is not on the disk.
                if count == 0 || chunk[..count].iter().all(|byte| *byte == 0) {
                    break;
                }
                bytes += count;
            }
        }
        let rate = bytes as f64 / start.elapsed().as_secs_f64();
        self.cluster.start_broker()?;
        Ok(rate)
    }

    /// Starts the broker again with nothing of its log in memory, sends, and then sends while all of the backlog is read.
    pub fn read_cold(&mut self) -> Result<Beside> {
        self.cluster.stop_broker()?;
        cold::forget(&self.cluster.store())?;
        self.cluster.start_broker()?;
        let (port, pid) = (self.cluster.broker_port(), self.cluster.broker_pid().context("it runs")?);
        let by_itself = |time| {
            live(port, move |over| {
                thread::sleep(time);
                over.store(true, Ordering::Relaxed);
                Ok(())
            })
        };
        by_itself(WARM_UP)?;
        let alone = by_itself(ALONE)?;
        let mut read = 0;
        let mut beside = || {
            live(port, |over| {
                let outcome = read_all(port);
                over.store(true, Ordering::Relaxed);
                read = outcome?;
                Ok(())
            })
        };
        let (broker, clients) = (Busy::since_now(pid)?, Busy::since_now(std::process::id())?);
        let (start, before) = (Instant::now(), bytes_from_disk(pid)?);
        let cold = beside()?;
        let (took, from_disk) = (start.elapsed(), bytes_from_disk(pid)? - before);
        let (broker_busy, clients_busy) = (broker.processors()?, clients.processors()?);
        let warm = beside()?;
        let bodies = (self.messages * BODY) as u64;
        ensure!(read >= bodies, "{read} bytes were read, of which {bodies} are bodies");
        Ok(Beside { alone, cold, warm, read, from_disk, took, broker_busy, clients_busy })
    }
}

/// Sends at a pace until `meanwhile` says that it is over.
fn live(port: u16, meanwhile: impl FnOnce(&AtomicBool) -> Result<()>) -> Result<Latency> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let sender = scope.spawn(|| -> Result<Vec<Duration>> {
            let (mut client, body, mut took) = (BrokerClient::open(port)?, vec![b'x'; BODY], Vec::new());
            // The first send makes what is made once.
            let draft = Draft { topic: LIVE, queue: 0, body: &body, properties: &[] };
            client.send(&draft)?;
            let mut due = Instant::now();
            while !over.load(Ordering::Relaxed) {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                client.send(&draft)?;
                // From when it was due: one that waits for a slow one before it waits, too.
                took.push(due.elapsed());
                due += PACE;
            }
            Ok(took)
        });
        let outcome = meanwhile(&over);
        let took = sender.join().map_err(|_| anyhow!("the sender panicked"))?;
        outcome?;
        Latency::of(took?)
    })
}

impl Latency {
    fn of(mut took: Vec<Duration>) -> Result<Self> {
        took.sort_unstable();
        let at =
            |share: f64| took.get(((took.len() as f64 * share) as usize).min(took.len().saturating_sub(1)));
        let (Some(p50), Some(p99), Some(max)) = (at(0.5), at(0.99), took.last()) else {
            return Err(anyhow!("nothing was sent"));
        };
        Ok(Self { p50: *p50, p99: *p99, max: *max })
    }
}

/// Reads each queue of the backlog to its end, all at once. Gives the bytes of the records.
fn read_all(port: u16) -> Result<u64> {
    thread::scope(|scope| {
        let readers: Vec<_> = (0..QUEUES)
            .map(|queue| scope.spawn(move || BrokerClient::open(port)?.size(OLD, queue.cast_signed(), 0)))
            .collect();
        readers.into_iter().map(|reader| reader.join().map_err(|_| anyhow!("a reader panicked"))?).sum()
    })
}
