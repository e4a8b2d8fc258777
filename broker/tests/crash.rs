//! `kill -9` under load, again and again: nothing acknowledged goes missing or moves, offsets stay dense, and the broker
//! is back within a second.
//!
//! The clients do not retry, so every copy of a message is the broker's. `GANTRY_CRASH_CYCLES` sets how often.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

mod support;

use gantry_remoting::client::Connection;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::{Broker, free_port, read_queue, send};

const QUEUES: i32 = 3;
const CONNECTIONS: usize = 4;
const IN_FLIGHT: usize = 8;
/// From the start of the process to the first SEND_OK.
const BACK_WITHIN: Duration = Duration::from_secs(1);

/// A topic and a queue of it.
type Place = (String, i32);

/// An acknowledged message.
struct Acked {
    place: Place,
    offset: i64,
    body: String,
}

fn cycles() -> usize {
    std::env::var("GANTRY_CRASH_CYCLES").ok().and_then(|n| n.parse().ok()).unwrap_or(50)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_with_async_flush() {
    survive("flushDiskType=ASYNC_FLUSH").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_with_sync_flush() {
    survive("flushDiskType=SYNC_FLUSH").await;
}

async fn survive(flush: &str) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    std::fs::create_dir(&root).unwrap();
    let port = free_port();
    // Small files, so that the log rolls under fire.
    let settings = [
        flush,
        "mapedFileSizeCommitLog=1048576",
        "mapedFileSizeConsumeQueue=20000",
        "maxHashSlotNum=1000",
        "maxIndexNum=4000",
    ];
    let mut known = Known::default();
    let mut back = Vec::new();
    let mut acked = 0;
    for cycle in 0..cycles() {
        let started = Instant::now();
        let broker = Broker::start(&root, port, &settings).await;
        back.push(first_send_ok(&broker, cycle, &mut known, started).await);
        known.check(&broker).await;
        let sent = load_until_killed(broker, cycle).await;
        acked += sent.len();
        known.acked.extend(sent);
    }
    let broker = Broker::start(&root, port, &settings).await;
    known.check(&broker).await;
    known.check_again_from_the_start(&broker).await;
    back.sort();
    let (median, slowest) = (back[back.len() / 2], back[back.len() - 1]);
    println!(
        "{flush}: {} kills, {acked} acknowledged, 0 missing, first SEND_OK after {median:?} (median), {slowest:?} (slowest)",
        cycles()
    );
    assert!(acked > cycles(), "there was load");
    // The median: a machine that is busy with other tests may delay one start, not half of them.
    assert!(median < BACK_WITHIN, "back after {median:?}: {}", tail(&root));
}

fn tail(root: &Path) -> String {
    let log = std::fs::read_to_string(root.with_extension("log")).unwrap_or_default();
    log.lines().rev().take(20).collect::<Vec<_>>().join("\n")
}

async fn first_send_ok(broker: &Broker, cycle: usize, known: &mut Known, started: Instant) -> Duration {
    let connection = broker.connect().await;
    let body = format!("first-{cycle}");
    let offset = send(&connection, "orders", 0, &body).await.unwrap();
    let back = started.elapsed();
    known.acked.push(Acked { place: ("orders".into(), 0), offset, body });
    back
}

/// Sends over several connections with many in flight, and kills the broker in the middle of it.
async fn load_until_killed(broker: Broker, cycle: usize) -> Vec<Acked> {
    let stop = Arc::new(AtomicBool::new(false));
    let count = Arc::new(AtomicU64::new(0));
    let mut senders = tokio::task::JoinSet::new();
    for connection_id in 0..CONNECTIONS {
        let connection = Arc::new(broker.connect().await);
        for lane in 0..IN_FLIGHT {
            let (connection, stop, count) = (Arc::clone(&connection), Arc::clone(&stop), Arc::clone(&count));
            senders.spawn(send_until(connection, stop, count, cycle, format!("{connection_id}-{lane}")));
        }
    }
    // Not the same moment each time, but always under load.
    let enough = 50 + (cycle as u64 * 397) % 1500;
    let start = Instant::now();
    while count.load(Ordering::Relaxed) < enough && start.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    broker.kill();
    stop.store(true, Ordering::Relaxed);
    let mut acked = Vec::new();
    while let Some(sent) = senders.join_next().await {
        acked.extend(sent.unwrap());
    }
    acked
}

async fn send_until(
    connection: Arc<Connection>,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    cycle: usize,
    name: String,
) -> Vec<Acked> {
    let mut acked = Vec::new();
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (topic, queue) = place(cycle, n);
        let body = format!("{cycle}-{name}-{n}-{}", "x".repeat(n * 37 % 900));
        match send(&connection, &topic, queue, &body).await {
            Ok(offset) => acked.push(Acked { place: (topic, queue), offset, body }),
            Err(_) => break,
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
    acked
}

/// Where the n-th message of each sender goes. New topics come all the time, made by whoever is the first.
fn place(cycle: usize, n: usize) -> Place {
    match n % 4 {
        0 => ("orders".into(), n as i32 / 4 % QUEUES),
        1 => ("payments".into(), n as i32 / 4 % QUEUES),
        2 => ("%RETRY%crash".into(), 0),
        _ => (format!("new-{cycle}-{}", n / 8), 0),
    }
}

/// What has been acknowledged, and what was read back before.
#[derive(Default)]
struct Known {
    acked: Vec<Acked>,
    read: BTreeMap<Place, Vec<String>>,
    bodies: HashSet<String>,
}

impl Known {
    /// Reads what is new in every queue, and finds each acknowledged message at its place.
    async fn check(&mut self, broker: &Broker) {
        let connection = broker.connect().await;
        for acked in &self.acked {
            if !self.read.contains_key(&acked.place) {
                self.read.insert(acked.place.clone(), Vec::new());
            }
        }
        for ((topic, queue), read) in &mut self.read {
            for (offset, body) in read_queue(&connection, topic, *queue, read.len() as i64).await {
                assert_eq!(offset, read.len() as i64);
                assert!(self.bodies.insert(body.clone()), "{topic}/{queue} has {body:.20} twice");
                read.push(body);
            }
        }
        for acked in self.acked.drain(..) {
            let found = self.read[&acked.place].get(acked.offset as usize).map(String::as_str);
            assert_eq!(found, Some(acked.body.as_str()), "{:?} at {}", acked.place, acked.offset);
        }
    }

    /// What was ever read stays as it was.
    async fn check_again_from_the_start(&self, broker: &Broker) {
        let connection = broker.connect().await;
        for ((topic, queue), read) in &self.read {
            let again = read_queue(&connection, topic, *queue, 0).await;
            assert!(again.iter().map(|(_, body)| body).eq(read), "{topic}/{queue} changed");
        }
    }
}
