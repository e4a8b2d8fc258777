//! A disk changes bodies of messages that wait: nothing is made of those, they stay where they are, each is told of once, and whatever
//! waits behind them comes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a test may panic")]

mod support;

use gantry_message::id;
use gantry_remoting::client::Connection;
use gantry_remoting::header::{ConsumerSendMsgBack, EndTransaction, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use support::pop::{ANY, Ask, pop};
use support::{Broker, WAIT, free_port, read_queue, send_command_with};

const SETTINGS: &[&str] = &["messageDelayLevel=1s", "mapedFileSizeCommitLog=1048576", "maxIndexNum=4000"];

struct Disk {
    _dir: tempfile::TempDir,
    root: PathBuf,
    broker: Broker,
    connection: Connection,
}

impl Disk {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("store");
        std::fs::create_dir(&root).unwrap();
        let broker = Broker::start(&root, free_port(), SETTINGS).await;
        let connection = broker.connect().await;
        Self { _dir: dir, root, broker, connection }
    }

    async fn stop_and_start(self) -> Self {
        self.broker.stop();
        let broker = Broker::start(&self.root, free_port(), SETTINGS).await;
        let connection = broker.connect().await;
        Self { broker, connection, ..self }
    }

    /// Gives queue offset and physical offset.
    async fn send(&self, properties: &str, body: &str) -> (i64, i64) {
        let command = send_command_with("T", 0, properties, false, body.to_owned());
        let answer = self.connection.request(command, WAIT).await.unwrap();
        assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
        let (_, place) = id::parse_offset_id(answer.find("msgId").unwrap()).unwrap();
        (answer.find("queueOffset").unwrap().parse().unwrap(), place)
    }

    /// Changes a byte of the first message with this body.
    fn damage(&self, body: &str) {
        let path = self.root.join("commitlog").join(format!("{:020}", 0));
        let bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(body.len()).position(|window| window == body.as_bytes()).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.write_all_at(b"?", at as u64).unwrap();
    }

    /// How often the broker has told of damage.
    fn told(&self) -> usize {
        let log = std::fs::read_to_string(self.root.with_extension("log")).unwrap();
        log.lines().filter(|line| line.contains("a record is damaged")).count()
    }

    async fn is_told(&self, times: usize) {
        let start = Instant::now();
        while self.told() < times {
            assert!(start.elapsed() < WAIT, "it is not told of");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// All messages of the topic, once so many are there.
    async fn bodies(&self, count: usize) -> Vec<String> {
        let start = Instant::now();
        loop {
            let all = read_queue(&self.connection, "T", 0, 0).await;
            if all.len() >= count {
                return all.into_iter().map(|(_, body)| body).collect();
            }
            assert!(start.elapsed() < WAIT, "only {all:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn a_damaged_message_of_a_delay_level_is_passed_over() {
    let disk = Disk::new().await;
    for body in ["spoilt", "good"] {
        disk.send("DELAY\u{1}1\u{2}", body).await;
    }
    disk.damage("spoilt");
    assert_eq!(disk.bodies(1).await, ["good"]);
    assert_eq!(disk.told(), 1);
}

#[tokio::test]
async fn a_damaged_message_with_a_time_stays_and_the_others_come() {
    let disk = Disk::new().await;
    for body in ["spoilt", "good"] {
        disk.send("TIMER_DELAY_MS\u{1}1200\u{2}", body).await;
    }
    disk.damage("spoilt");
    assert_eq!(disk.bodies(1).await, ["good"]);
    disk.is_told(1).await;
    let disk = disk.stop_and_start().await;
    // It was not dropped: a start finds it again, and tells of it again.
    disk.is_told(2).await;
    assert_eq!(disk.bodies(1).await, ["good"]);
    assert_eq!(disk.told(), 2);
}

#[tokio::test]
async fn a_damaged_half_is_not_committed() {
    let disk = Disk::new().await;
    let half =
        |body: &'static str| format!("TRAN_MSG\u{1}true\u{2}PGROUP\u{1}p\u{2}UNIQ_KEY\u{1}k-{body}\u{2}");
    let mut places = Vec::new();
    for body in ["spoilt", "good"] {
        places.push(disk.send(&half(body), body).await);
    }
    disk.damage("spoilt\u{18}RMQ");
    let end = async |(table, log): (i64, i64), commit_or_rollback| {
        let command = EndTransaction {
            producer_group: "p",
            tran_state_table_offset: table,
            commit_log_offset: log,
            commit_or_rollback,
            from_transaction_check: false,
            msg_id: None,
            transaction_id: None,
        };
        let command = command.into_command(CommandBuf::request(RequestCode::END_TRANSACTION));
        disk.connection.request(command, WAIT).await.unwrap().response_code()
    };
    assert_eq!(end(places[0], 8).await, ResponseCode::SYSTEM_ERROR);
    assert_eq!(end(places[1], 8).await, ResponseCode::SUCCESS);
    assert_eq!(disk.bodies(1).await, ["good"]);
    assert_eq!(disk.told(), 1);
    assert_eq!(end(places[0], 12).await, ResponseCode::SUCCESS, "nothing comes of a rollback");
}

#[tokio::test]
async fn a_damaged_message_is_not_taken_back_nor_given_again_by_pop() {
    let disk = Disk::new().await;
    let (_, offset) = disk.send("", "spoilt").await;
    disk.send("", "good").await;
    let both = pop(&disk.connection, Ask { invisible: 600, ..ANY }).await.unwrap();
    assert_eq!(both.len(), 2);
    disk.damage("spoilt");
    let again = pop(&disk.connection, Ask { poll: 8000, ..ANY }).await.unwrap();
    assert_eq!(again.iter().map(|popped| popped.body.as_str()).collect::<Vec<_>>(), ["good"]);
    assert_eq!(disk.told(), 1);
    let back = ConsumerSendMsgBack {
        offset,
        group: "g",
        delay_level: 1,
        origin_msg_id: None,
        origin_topic: Some("T"),
        unit_mode: false,
        max_reconsume_times: Some(16),
    };
    let back = back.into_command(CommandBuf::request(RequestCode::CONSUMER_SEND_MSG_BACK));
    let answer = disk.connection.request(back, WAIT).await.unwrap();
    assert_eq!(answer.response_code(), ResponseCode::SYSTEM_ERROR, "its consumer sends what it has");
    assert_eq!(disk.told(), 1);
}
