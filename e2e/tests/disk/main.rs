//! What a disk makes of a broker, and a broker of a disk: `frozen::async-flush`, `written::sync-flush`.
//!
//! While it takes nothing, senders are told at once that the broker is busy, what was stored is served meanwhile, and once the
//! disk is back all is well: nothing that was acknowledged is missing.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use gantry_e2e::broker_client::{BrokerClient, Draft};
use gantry_e2e::loop_disk::LoopDisk;
use gantry_e2e::{Cluster, Setup, Target, report};
use libtest_mimic::Trial;

const SEND_OK: i64 = 0;
const SYSTEM_BUSY: i64 = 2;
const FLUSH_DISK_TIMEOUT: i64 = 10;

const TOPIC: &str = "Frozen";
const GROUP: &str = "frozen";
const SENDERS: i32 = 6;
const DISK_MIB: u64 = 512;
/// What the broker is given to find out that the disk is busy, by its default setting.
const PATIENCE: Duration = Duration::from_secs(1);
const FROZEN: Duration = Duration::from_secs(8);

fn main() -> ExitCode {
    report::run(1, trials())
}

fn trials() -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    let available = || anyhow::Ok(Target::Gantry.available()?.and_then(|()| LoopDisk::available()));
    for (name, flush) in [("async-flush", "ASYNC_FLUSH"), ("sync-flush", "SYNC_FLUSH")] {
        trials.push(report::trial(format!("frozen::{name}"), available()?, move || frozen(flush)));
    }
    trials.push(report::trial("written::sync-flush".into(), available()?, written));
    Ok(trials)
}

/// With SYNC_FLUSH a small message costs the disk a few pages, not what the kernel keeps them together with.
fn written() -> Result<()> {
    const BEFORE: usize = 24;
    const MESSAGES: u64 = 300;
    const MOST: u64 = 64 * 1024;
    let disk = LoopDisk::new(DISK_MIB)?;
    let cluster = Cluster::start(Target::Gantry, on(&disk, "SYNC_FLUSH"))?;
    let mut client = BrokerClient::open(cluster.broker_port())?;
    client.create_topic(TOPIC, 1, 1)?;
    let mut send = |body: &[u8]| client.send(&Draft { topic: TOPIC, queue: 0, body, properties: &[] });
    // Far enough into the log that the kernel reads ahead as much as it ever does.
    for _ in 0..BEFORE {
        send(&[b'x'; 1 << 20])?;
    }
    // Pages that were prepared meanwhile are on the disk.
    thread::sleep(Duration::from_secs(2));
    let before = disk.written()?;
    for _ in 0..MESSAGES {
        send(b"small")?;
    }
    let each = (disk.written()? - before) / MESSAGES;
    println!("{each} bytes written for each message");
    ensure!(each > 0, "nothing was written, though each message has to be on the disk");
    ensure!(each <= MOST, "each message cost {each} bytes written, and may cost {MOST}");
    Ok(())
}

/// A broker with its store there.
fn on(disk: &LoopDisk, flush: &str) -> Setup {
    Setup::default()
        .set("storePathRootDir", disk.path().join("store").display())
        .set("storePathCommitLog", disk.path().join("store/commitlog").display())
        .set("maxIndexNum", 100_000)
        .set("maxHashSlotNum", 10_000)
        .set("flushDiskType", flush)
}

/// A request and what came of it.
#[derive(Clone, Debug)]
struct Sent {
    at: Instant,
    took: Duration,
    code: i64,
    body: String,
}

fn frozen(flush: &str) -> Result<()> {
    let disk = LoopDisk::new(DISK_MIB)?;
    let mut cluster = Cluster::start(Target::Gantry, on(&disk, flush))?;
    let port = cluster.broker_port();
    let mut client = BrokerClient::open(port)?;
    client.create_topic(TOPIC, SENDERS as u32, SENDERS as u32)?;
    for queue in 0..SENDERS {
        client.send(&Draft { topic: TOPIC, queue, body: b"first", properties: &[] })?;
    }

    // Makes the group of these pulls.
    client.pull(TOPIC, 0, 0)?;

    let stop = AtomicBool::new(false);
    let mut consumer = BrokerClient::open(port)?;
    // Makes the retry topic.
    let first = consumer.read_as(GROUP, TOPIC, 0, 0)?.into_iter().next().context("it was sent")?;
    consumer.send_back(GROUP, &first, 0)?;
    let (frozen_at, pulls, all) = thread::scope(|scope| -> Result<_> {
        let stop = &stop;
        let senders: Vec<_> =
            (0..SENDERS).map(|queue| scope.spawn(move || send_on(port, queue, stop))).collect();
        thread::sleep(Duration::from_millis(500));
        let frozen_at = Instant::now();
        let pulls = {
            let _frozen = disk.freeze()?;
            let given_back = scope.spawn(move || consumer.send_back(GROUP, &first, 0));
            let pulls = pull_meanwhile(port, frozen_at);
            if flush == "SYNC_FLUSH" && given_back.is_finished() {
                let answer = given_back.join().expect("it does not panic");
                ensure!(answer.is_err(), "a message was taken back that is not on the disk");
            }
            pulls
        };
        thread::sleep(Duration::from_secs(2));
        stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for sender in senders {
            all.push(sender.join().expect("a sender does not panic").with_context(|| cluster.log_tail())?);
        }
        Ok((frozen_at, pulls?, all))
    })?;
    check_answers(&all, frozen_at)?;
    // The first may come beside an append that waits for the lock.
    let slow: Vec<_> = pulls.iter().filter(|took| **took > Duration::from_millis(500)).collect();
    ensure!(slow.len() <= 2, "pulls beside a frozen disk took {slow:?} of {}", pulls.len());

    cluster.kill_broker()?;
    cluster.start_broker()?;
    let mut client = BrokerClient::open(port)?;
    for (queue, sent) in all.iter().enumerate() {
        let records = client.read(TOPIC, queue as i32, 0)?;
        for sent in sent.iter().filter(|sent| sent.code == SEND_OK) {
            ensure!(
                records.iter().any(|record| record.body == sent.body.as_bytes()),
                "{} was acknowledged and is missing",
                sent.body
            );
        }
    }
    drop(cluster);
    drop(disk);
    Ok(())
}

/// One after the other, whatever comes of it.
fn send_on(port: u16, queue: i32, stop: &AtomicBool) -> Result<Vec<Sent>> {
    let mut client = BrokerClient::open(port)?;
    let mut all = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let body = format!("{queue}-{}", all.len());
        let at = Instant::now();
        let code =
            client.try_send(&Draft { topic: TOPIC, queue, body: body.as_bytes(), properties: &[] })?.code;
        all.push(Sent { at, took: at.elapsed(), code, body });
        thread::sleep(Duration::from_millis(5));
    }
    Ok(all)
}

/// Reads what was there before, and how long that took, for as long as the disk shall be frozen.
fn pull_meanwhile(port: u16, since: Instant) -> Result<Vec<Duration>> {
    let mut client = BrokerClient::open(port)?;
    let mut pulls = Vec::new();
    while since.elapsed() < FROZEN {
        let start = Instant::now();
        let answer = client.pull(TOPIC, 0, 0)?;
        ensure!(answer.code == 0, "a pull beside a frozen disk: {} {}", answer.code, answer.remark);
        pulls.push(start.elapsed());
        thread::sleep(Duration::from_millis(50));
    }
    Ok(pulls)
}

fn check_answers(all: &[Vec<Sent>], frozen_at: Instant) -> Result<()> {
    let busy = |sent: &&Sent| sent.code == SYSTEM_BUSY;
    let told_first = all.iter().flatten().filter(busy).map(|sent| sent.at + sent.took).min();
    let told_first = told_first.context("nobody was told that the broker is busy")?;
    let found_after = told_first.duration_since(frozen_at);
    ensure!(found_after < 3 * PATIENCE, "found to be busy after {found_after:?}");
    let thawed_at = frozen_at + FROZEN;
    // Those that were on their way when it was found out waited for a lock or a flush.
    let later = all.iter().flatten().filter(|sent| sent.at > told_first + PATIENCE && sent.at < thawed_at);
    let (mut count, mut slow) = (0, Vec::new());
    for sent in later {
        count += 1;
        if sent.code == SYSTEM_BUSY && sent.took > Duration::from_millis(300) {
            slow.push(sent);
        }
    }
    ensure!(slow.is_empty(), "late news that the broker is busy: {slow:?}");
    ensure!(count > 100, "only {count} requests were answered while the disk was frozen");
    let codes = [SEND_OK, SYSTEM_BUSY, FLUSH_DISK_TIMEOUT];
    let other = all.iter().flatten().find(|sent| !codes.contains(&sent.code));
    ensure!(other.is_none(), "an answer of another kind: {other:?}");
    for sent in all {
        let after = sent.iter().filter(|sent| sent.at > thawed_at + Duration::from_secs(1));
        let refused = after.clone().filter(|sent| sent.code != SEND_OK).count();
        ensure!(refused == 0 && after.count() > 0, "{refused} were refused a second after the disk was back");
    }
    println!("busy was told after {found_after:?}; {count} sends were answered beside the frozen disk");
    Ok(())
}
