//! `kill -9` with messages waiting for their time: each comes once, at its time or after it, and none that was taken back.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

mod support;

use gantry_remoting::client::Connection;
use gantry_remoting::header::{RecallMessage, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use support::{Broker, WAIT, free_port, is_at_end, read_queue, read_records, send_command_with};

const CYCLES: u64 = 30;
const LANES: usize = 16;
const SETTINGS: [&str; 5] = [
    "recallMessageEnable=true",
    "mapedFileSizeCommitLog=1048576",
    "flushConsumerOffsetInterval=100",
    "maxIndexNum=4000",
    "timerMaxDelaySec=100",
];
/// A recall that was answered this long before the time in milliseconds has won.
const SAFELY: i64 = 300;

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// What was acknowledged: when each message is due, and which were taken back.
#[derive(Default)]
struct Sent {
    due: HashMap<String, i64>,
    recalled: HashSet<String>,
}

fn recall(handle: &str) -> CommandBuf {
    RecallMessage { producer_group: Some("p"), topic: "real", recall_handle: handle }
        .into_command(CommandBuf::request(RequestCode::RECALL_MESSAGE))
}

/// Sends one after the other until the broker is gone.
async fn lane(connection: Arc<Connection>, name: String, count: Arc<AtomicU64>) -> Sent {
    let mut sent = Sent::default();
    for n in 0.. {
        let key = format!("{name}-{n}");
        let due = now_ms() + [1, 20, 300, 1000, 3000][n % 5];
        let properties = format!("TIMER_DELIVER_MS\u{1}{due}\u{2}UNIQ_KEY\u{1}{key}\u{2}");
        let message = send_command_with("real", 1, &properties, false, key.clone());
        let Ok(answer) = connection.request(message, WAIT).await else { break };
        assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
        let handle = answer.find("recallHandle").map(str::to_owned);
        sent.due.insert(key.clone(), due);
        if n % 20 == 4 {
            let Ok(answer) = connection.request(recall(handle.as_deref().unwrap()), WAIT).await else {
                // It may have been taken back, or not.
                sent.due.remove(&key);
                break;
            };
            assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
            sent.due.remove(&key);
            // Once more, as a client does that did not get the answer.
            if connection.request(recall(handle.as_deref().unwrap()), WAIT).await.is_err() {
                break;
            }
            if now_ms() < due - SAFELY {
                sent.recalled.insert(key);
            }
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_message_comes_once_through_kills() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    std::fs::create_dir(&root).unwrap();
    let port = free_port();
    let mut sent = Sent::default();
    for cycle in 0..CYCLES {
        let broker = Broker::start(&root, port, &SETTINGS).await;
        let connection = Arc::new(broker.connect().await);
        let count = Arc::new(AtomicU64::new(0));
        let mut lanes = tokio::task::JoinSet::new();
        for n in 0..LANES {
            lanes.spawn(lane(Arc::clone(&connection), format!("{cycle}-{n}"), Arc::clone(&count)));
        }
        let (start, enough) = (Instant::now(), 20 + cycle * 397 % 3000);
        while count.load(Ordering::Relaxed) < enough && start.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        broker.kill();
        while let Some(lane) = lanes.join_next().await {
            let lane = lane.unwrap();
            sent.due.extend(lane.due);
            sent.recalled.extend(lane.recalled);
        }
    }
    let broker = Broker::start(&root, port, &SETTINGS).await;
    let connection = broker.connect().await;
    let (start, mut at) = (Instant::now(), 0);
    let mut seen = HashSet::new();
    loop {
        read_records(&connection, "real", 1, at, |record| {
            let key = String::from_utf8(record.body.to_vec()).unwrap();
            assert!(!sent.recalled.contains(&key), "{key} was taken back");
            let due: i64 = record.property("TIMER_DELIVER_MS").unwrap().parse().unwrap();
            assert!(record.store_timestamp >= due, "{key} came {} ms early", due - record.store_timestamp);
            assert!(record.property("REAL_TOPIC").is_none_or(|topic| topic == "real"));
            assert!(seen.insert(key), "one came twice");
            at = record.queue_offset + 1;
        })
        .await;
        let missing = sent.due.keys().filter(|key| !seen.contains(*key)).count();
        if missing == 0 {
            break;
        }
        assert!(start.elapsed() < WAIT, "{missing} of {} are missing", sent.due.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!(
        "{CYCLES} kills, {} acknowledged, {at} seen, none twice or early; {} taken back",
        sent.due.len(),
        sent.recalled.len()
    );
    assert!(sent.recalled.len() > 100, "recalls were tried");
    is_at_end(&connection, &root, "CID_RMQ_SYS_TIMER", "rmq_sys_wheel_timer").await;
    is_at_end(&connection, &root, "CID_RMQ_SYS_TIMER", "rmq_sys_gantry_timer_marks").await;
}

async fn refusal(connection: &Connection, properties: &str) -> (ResponseCode, String) {
    let answer =
        connection.request(send_command_with("real", 0, properties, false, "x"), WAIT).await.unwrap();
    (answer.response_code(), answer.remark.unwrap_or_default())
}

#[tokio::test]
async fn what_cannot_be_a_time_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    std::fs::create_dir(&root).unwrap();
    let broker = Broker::start(&root, free_port(), &SETTINGS).await;
    let connection = broker.connect().await;
    for (properties, says) in [
        ("TIMER_DELAY_SEC\u{1}101\u{2}", "100000ms"),
        ("TIMER_DELAY_MS\u{1}soon\u{2}", "\"soon\""),
        ("TIMER_DELIVER_MS\u{1}5\u{2}TIMER_DEL_UNIQKEY\u{1}k\u{2}", "bigger than the current time"),
    ] {
        let (code, text) = refusal(&connection, properties).await;
        assert_eq!(code, ResponseCode::MESSAGE_ILLEGAL, "{text}");
        assert!(text.contains(says), "{text}");
    }
    // A time that is over is now.
    let (code, _) = refusal(&connection, "TIMER_DELIVER_MS\u{1}5\u{2}").await;
    assert_eq!(code, ResponseCode::SUCCESS);
    assert_eq!(read_queue(&connection, "real", 0, 0).await.len(), 1);

    let handle = |text: &str| connection.request(recall(text), WAIT);
    for (text, says) in [
        ("%%%", "handle is invalid"),
        // v1 other b 9999999999999 k
        ("djEgb3RoZXIgYiA5OTk5OTk5OTk5OTk5IGs=", "topic not match"),
        // v1 real c 9999999999999 k
        ("djEgcmVhbCBjIDk5OTk5OTk5OTk5OTkgaw==", "with broker c"),
        // v1 real b 5 k
        ("djEgcmVhbCBiIDUgaw==", "timestamp invalid"),
    ] {
        let answer = handle(text).await.unwrap();
        assert_eq!(answer.response_code(), ResponseCode::ILLEGAL_OPERATION);
        let remark = answer.remark.clone().unwrap_or_default();
        assert!(remark.contains(says), "{remark}");
    }
}

/// The way of clients that know no handles: a message that names the other.
#[tokio::test]
async fn a_message_takes_another_back() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    std::fs::create_dir(&root).unwrap();
    let broker = Broker::start(&root, free_port(), &SETTINGS).await;
    let connection = broker.connect().await;
    let due = now_ms() + 1500;
    for key in ["a", "b", "c"] {
        let (code, _) =
            refusal(&connection, &format!("TIMER_DELIVER_MS\u{1}{due}\u{2}UNIQ_KEY\u{1}{key}\u{2}")).await;
        assert_eq!(code, ResponseCode::SUCCESS);
    }
    for key in ["a", "real+b", "other+c", "d"] {
        let (code, text) =
            refusal(&connection, &format!("TIMER_DELIVER_MS\u{1}{due}\u{2}TIMER_DEL_UNIQKEY\u{1}{key}\u{2}"))
                .await;
        assert_eq!(code, ResponseCode::SUCCESS, "{text}");
    }
    let mut keys = Vec::new();
    while now_ms() < due + 300 {
        keys.clear();
        read_records(&connection, "real", 0, 0, |record| {
            keys.push(record.property("UNIQ_KEY").unwrap().to_owned())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(keys, ["c"]);
}
