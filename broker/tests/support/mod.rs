//! A broker process to be treated badly, and what a test asks of it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "each test uses its part"
)]

pub mod delays;
pub mod lives;
pub mod names;
pub mod pop;
pub mod retries;
#[cfg(target_os = "linux")]
pub mod sandbox;
pub mod timers;
pub mod transactions;

use bytes::Bytes;
use gantry_message::{Record, record};
use gantry_remoting::client::{Connection, Error};
use gantry_remoting::header::{PullMessage, QueueBound, SendMessageV2, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub const WAIT: Duration = Duration::from_secs(20);

/// Milliseconds since the epoch.
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// A running `gantry-broker`; killed when dropped.
pub struct Broker {
    child: Child,
    pub addr: String,
    log: PathBuf,
}

impl Broker {
    /// Starts the broker on its store in `root` with `settings`, and waits until it takes connections.
    pub async fn start(root: &Path, port: u16, settings: &[&str]) -> Self {
        let mut broker = Self::spawn(root, port, settings, &[]);
        assert!(broker.comes_up().await, "the broker ended:\n{}", broker.log());
        broker
    }

    /// The same, built with the feature `faults`, to die at `step`: maybe before it takes connections.
    pub async fn start_to_die(root: &Path, port: u16, settings: &[&str], step: &str) -> Self {
        let mut broker = Self::spawn(root, port, settings, &[("GANTRY_DIES_AT_STEP", step)]);
        broker.comes_up().await;
        broker
    }

    /// The same, with a wall clock that `clock` says by how many milliseconds it is ahead: see `gantry_store::clock`.
    pub async fn start_with_clock(root: &Path, port: u16, settings: &[&str], clock: &Path) -> Self {
        let mut broker = Self::spawn(root, port, settings, &[("GANTRY_CLOCK_FILE", clock.to_str().unwrap())]);
        assert!(broker.comes_up().await, "the broker ended:\n{}", broker.log());
        broker
    }

    /// The same, started by `spawn`.
    pub async fn start_by(
        root: &Path,
        port: u16,
        settings: &[&str],
        spawn: impl FnOnce(&mut Command) -> std::io::Result<Child>,
    ) -> Self {
        let mut broker = Self::spawn_by(root, port, settings, &[], spawn);
        assert!(broker.comes_up().await, "the broker ended:\n{}", broker.log());
        broker
    }

    fn spawn(root: &Path, port: u16, settings: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::spawn_by(root, port, settings, environment, Command::spawn)
    }

    fn spawn_by(
        root: &Path,
        port: u16,
        settings: &[&str],
        environment: &[(&str, &str)],
        spawn: impl FnOnce(&mut Command) -> std::io::Result<Child>,
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gantry-broker"));
        command.env("RUST_LOG", "warn").env_remove("NAMESRV_ADDR");
        command.envs(environment.iter().copied());
        for setting in [
            "brokerName=b",
            "vipChannelEnabled=false",
            "diskMaxUsedSpaceRatio=99",
            "diskSpaceCleanForciblyRatio=99",
            "diskSpaceWarningLevelRatio=99",
        ]
        .iter()
        .chain(settings)
        {
            command.args(["--set", setting]);
        }
        command.args(["--set", &format!("brokerIP1={}", host())]);
        command.args(["--set", &format!("bindAddress={}", host())]);
        command.args(["--set", &format!("listenPort={port}")]);
        command.args(["--set", &format!("storePathRootDir={}", root.display())]);
        let log = root.with_extension("log");
        let file = std::fs::File::options().create(true).append(true).open(&log).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        let child = spawn(&mut command).expect("the broker starts");
        Self { child, addr: format!("{}:{port}", host()), log }
    }

    /// Waits until it takes connections; false when it has ended.
    async fn comes_up(&mut self) -> bool {
        let start = Instant::now();
        while Connection::open(&self.addr, WAIT, None).await.is_err() {
            assert!(start.elapsed() < WAIT, "the broker did not come up");
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        true
    }

    pub async fn connect(&self) -> Connection {
        Connection::open(&self.addr, WAIT, None).await.unwrap()
    }

    /// SIGKILL: no instruction of the broker runs any more.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM: it stops as it should.
    pub fn stop(mut self) {
        let kill = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }

    /// Waits until it has died at `step`, which it has to come to.
    pub async fn died_at(mut self, step: &str) {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < WAIT, "the broker does not come to {step}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        let log = std::fs::read_to_string(&self.log).unwrap();
        // Other threads go on for a moment.
        let last = log.lines().rev().find_map(|line| line.strip_prefix("dies at "));
        assert_eq!(last, Some(step));
        assert_eq!(status.signal(), Some(6), "{status}");
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A field of /proc/PID/status in KiB.
    pub fn memory_kib(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The loopback address of this process alone. A broker that is down between two lives would lose a shared one's port to another
/// test's broker, and that one's messages would be judged.
pub fn host() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 1 + high, middle, low)
}

/// A port of [`host`] that nobody listens on now, and that no other test of this process was given.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(11_000);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind((host(), port)).is_ok() {
            return port;
        }
    }
}

/// A send to a queue of `topic`, which a send makes when it is new.
pub fn send_command(topic: &str, queue_id: i32, body: impl Into<Bytes>) -> CommandBuf {
    send_command_with(topic, queue_id, "KEYS\u{1}k\u{2}", false, body)
}

/// The same with these properties, or of a batch.
pub fn send_command_with(
    topic: &str,
    queue_id: i32,
    properties: &str,
    batch: bool,
    body: impl Into<Bytes>,
) -> CommandBuf {
    SendMessageV2 {
        producer_group: "p",
        topic,
        default_topic: Some("TBW102"),
        default_topic_queue_nums: 4,
        queue_id,
        sys_flag: 0,
        born_timestamp: 1,
        flag: 0,
        properties: Some(properties),
        reconsume_times: None,
        unit_mode: false,
        max_reconsume_times: None,
        batch,
        broker_name: None,
    }
    .into_command(CommandBuf::request(RequestCode::SEND_MESSAGE_V2))
    .with_body(body)
}

/// Sends, and gives the queue offset of a success.
pub async fn send(connection: &Connection, topic: &str, queue_id: i32, body: &str) -> Result<i64, Error> {
    let answer = connection.request(send_command(topic, queue_id, body.to_owned()), WAIT).await?;
    assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
    Ok(answer.find("queueOffset").unwrap().parse().unwrap())
}

/// All messages of a queue from `from` to its end: offset and body, checked to be dense and intact.
pub async fn read_queue(
    connection: &Connection,
    topic: &str,
    queue_id: i32,
    from: i64,
) -> Vec<(i64, String)> {
    let mut all = Vec::new();
    read_records(connection, topic, queue_id, from, |record| {
        all.push((record.queue_offset, String::from_utf8(record.body.to_vec()).unwrap()));
    })
    .await;
    all
}

/// Shows all messages of a queue from `from` to its end, checked to be dense and intact.
pub async fn read_records(
    connection: &Connection,
    topic: &str,
    queue_id: i32,
    from: i64,
    show: impl FnMut(&Record<'_>),
) {
    let read = try_read_records(connection, topic, queue_id, from, show).await;
    read.unwrap_or_else(|| panic!("the broker is gone while {topic}/{queue_id} is read"));
}

/// The same; `None` when the broker is gone meanwhile.
pub async fn try_read_records(
    connection: &Connection,
    topic: &str,
    queue_id: i32,
    from: i64,
    mut show: impl FnMut(&Record<'_>),
) -> Option<()> {
    let mut at = from;
    loop {
        let pull = PullMessage {
            consumer_group: "reader",
            topic,
            queue_id,
            queue_offset: at,
            max_msg_nums: 32,
            sys_flag: 4,
            commit_offset: 0,
            suspend_timeout_millis: 0,
            subscription: Some("*"),
            sub_version: 0,
            expression_type: None,
            max_msg_bytes: None,
        };
        let command = pull.into_command(CommandBuf::request(RequestCode::PULL_MESSAGE));
        let answer = connection.request(command, WAIT).await.ok()?;
        match answer.response_code() {
            ResponseCode::SUCCESS => {
                for record in record::records(&answer.body) {
                    let record: Record<'_> = record.unwrap();
                    record.check_crc().unwrap();
                    assert_eq!(record.queue_offset, at, "dense");
                    show(&record);
                    at += 1;
                }
            }
            ResponseCode::PULL_NOT_FOUND | ResponseCode::TOPIC_NOT_EXIST => return Some(()),
            other => panic!("pull of {topic}/{queue_id} at {at}: {other} {:?}", answer.remark),
        }
    }
}

/// True when each delay level has delivered what waits in it.
pub async fn delays_are_done(connection: &Connection) -> bool {
    let ask = CommandBuf::request(RequestCode::GET_BROKER_RUNTIME_INFO);
    let answer = connection.request(ask, WAIT).await.unwrap();
    let info: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let levels = info["table"].as_object().unwrap().iter();
    levels.filter(|(name, _)| name.starts_with("scheduleMessageOffset_")).all(|(_, of)| {
        let (done, end) = of.as_str().unwrap().split_once(',').unwrap();
        done == end
    })
}

/// Waits until the file of offsets says that `group` is at the end of queue 0 of `topic`.
pub async fn is_at_end(connection: &Connection, root: &Path, group: &str, topic: &str) {
    let max =
        QueueBound { topic, queue_id: 0 }.into_command(CommandBuf::request(RequestCode::GET_MAX_OFFSET));
    let answer = connection.request(max, WAIT).await.unwrap();
    let end: i64 = answer.find("offset").unwrap().parse().unwrap();
    let start = Instant::now();
    loop {
        // There is none before the first is saved.
        let text = std::fs::read_to_string(root.join("config/consumerOffset.json"));
        let text = text.as_deref().unwrap_or("{}");
        let file: serde_json::Value = serde_json::from_str(text).unwrap();
        let at = &file["offsetTable"][format!("{topic}@{group}")]["0"];
        if *at == end {
            return;
        }
        assert!(start.elapsed() < WAIT, "{group} is at {at} of {end} in {topic}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
