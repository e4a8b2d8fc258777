//! `kill -9` with transactions under way: what was committed is there once, what was rolled back never, nothing stays open.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

mod support;

use gantry_message::{Record, id};
use gantry_remoting::body::{HeartbeatData, ProducerData};
use gantry_remoting::client::Connection;
use gantry_remoting::header::{EndTransaction, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode, fastjson};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::{Broker, WAIT, free_port, is_at_end, read_queue, send_command_with};
use tokio::sync::mpsc;

const CYCLES: u64 = 30;
const LANES: usize = 16;
const COMMIT: i32 = 8;
const ROLLBACK: i32 = 12;
const SETTINGS: [&str; 5] = [
    "transactionTimeOut=100",
    "transactionCheckInterval=500",
    "mapedFileSizeCommitLog=1048576",
    "flushConsumerOffsetInterval=100",
    "maxIndexNum=4000",
];

/// The body says what becomes of it: `commit-now-…`, `rollback-asked-…`.
fn decision(body: &[u8]) -> i32 {
    if body.starts_with(b"commit") { COMMIT } else { ROLLBACK }
}

fn properties(key: &str) -> String {
    format!("TRAN_MSG\u{1}true\u{2}PGROUP\u{1}p\u{2}UNIQ_KEY\u{1}{key}\u{2}")
}

/// A producer that answers when it is asked.
struct Producer {
    connection: Arc<Connection>,
    answers: tokio::task::JoinHandle<()>,
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.answers.abort();
    }
}

impl Producer {
    async fn connect(broker: &Broker) -> Self {
        let (ask, mut asked) = mpsc::channel(100_000);
        let on_request = move |command: &CommandBuf| {
            assert_eq!(command.code, RequestCode::CHECK_TRANSACTION_STATE.0);
            let number = |name: &str| command.find(name).unwrap().parse::<i64>().unwrap();
            let (record, _) = Record::read(&command.body).unwrap();
            assert_eq!((record.topic, record.queue_id), ("real", 1), "as it will be seen");
            let answer = (number("tranStateTableOffset"), number("commitLogOffset"), decision(record.body));
            ask.try_send(answer).unwrap();
            None
        };
        let connection = Connection::open(&broker.addr, WAIT, Some(Box::new(on_request))).await.unwrap();
        let heartbeat = HeartbeatData {
            client_id: "p@1".into(),
            producer_data_set: vec![ProducerData { group_name: "p".into() }],
            ..HeartbeatData::default()
        };
        let beat = CommandBuf::request(RequestCode::HEART_BEAT).with_body(fastjson::to_vec(&heartbeat));
        connection.request(beat, WAIT).await.unwrap();
        let connection = Arc::new(connection);
        let answering = Arc::clone(&connection);
        let answers = tokio::spawn(async move {
            while let Some((table, log, decision)) = asked.recv().await {
                // It may have ended meanwhile: the answer says so, and nobody minds.
                let _ = answering.request(end(table, log, decision, true), WAIT).await;
            }
        });
        Self { connection, answers }
    }
}

fn end(table: i64, log: i64, commit_or_rollback: i32, from_transaction_check: bool) -> CommandBuf {
    EndTransaction {
        producer_group: "p",
        tran_state_table_offset: table,
        commit_log_offset: log,
        commit_or_rollback,
        from_transaction_check,
        msg_id: None,
        transaction_id: None,
    }
    .into_command(CommandBuf::request(RequestCode::END_TRANSACTION))
}

/// Sends one after the other until the broker is gone. Gives what was committed for sure.
async fn lane(connection: Arc<Connection>, name: String, count: Arc<AtomicU64>) -> Vec<String> {
    let mut committed = Vec::new();
    for n in 0.. {
        let kind = ["commit-now", "rollback-now", "commit-asked", "rollback-asked"][n % 4];
        let body = format!("{kind}-{name}-{n}");
        let half = send_command_with("real", 1, &properties(&body), false, body.clone());
        let Ok(answer) = connection.request(half, WAIT).await else { break };
        assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
        if decision(body.as_bytes()) == COMMIT {
            committed.push(body.clone());
        }
        if kind.ends_with("now") {
            let table = answer.find("queueOffset").unwrap().parse().unwrap();
            let (_, log) = id::parse_offset_id(answer.find("msgId").unwrap()).unwrap();
            let end = end(table, log, decision(body.as_bytes()), false);
            // Twice: the second comes too late.
            let (first, second) =
                tokio::join!(connection.request(end.clone(), WAIT), connection.request(end, WAIT));
            let (Ok(first), Ok(second)) = (first, second) else { break };
            let codes = [first.response_code(), second.response_code()];
            assert_eq!(codes, [ResponseCode::SUCCESS, ResponseCode::SYSTEM_ERROR], "{:?}", first.remark);
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
    committed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_end_once_through_kills() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    std::fs::create_dir(&root).unwrap();
    let port = free_port();
    let mut committed = HashSet::new();
    for cycle in 0..CYCLES {
        let broker = Broker::start(&root, port, &SETTINGS).await;
        let producer = Producer::connect(&broker).await;
        let count = Arc::new(AtomicU64::new(0));
        let mut lanes = tokio::task::JoinSet::new();
        for n in 0..LANES {
            lanes.spawn(lane(Arc::clone(&producer.connection), format!("{cycle}-{n}"), Arc::clone(&count)));
        }
        let (start, enough) = (Instant::now(), 20 + cycle * 397 % 3000);
        while count.load(Ordering::Relaxed) < enough && start.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        broker.kill();
        while let Some(sent) = lanes.join_next().await {
            committed.extend(sent.unwrap());
        }
    }
    let broker = Broker::start(&root, port, &SETTINGS).await;
    let producer = Producer::connect(&broker).await;
    let start = Instant::now();
    let mut seen: HashSet<String> = HashSet::new();
    let mut at = 0;
    while !committed.is_subset(&seen) {
        for (_, body) in read_queue(&producer.connection, "real", 1, at).await {
            assert_eq!(decision(body.as_bytes()), COMMIT, "rolled back: {body}");
            assert!(seen.insert(body.clone()), "{body} came twice");
            at += 1;
        }
        assert!(
            start.elapsed() < WAIT,
            "{} of {} are missing",
            committed.difference(&seen).count(),
            committed.len()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("{CYCLES} kills, {} committed, {at} seen, none twice", committed.len());
    is_at_end(&producer.connection, &root, "CID_RMQ_SYS_TRANS", "RMQ_SYS_TRANS_HALF_TOPIC").await;
}
