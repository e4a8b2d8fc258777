//! `kill -9` with messages waiting for their time: each comes once, at its time or after it, and none that was taken back.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

mod support;

use gantry_remoting::ResponseCode;
use gantry_remoting::client::Connection;
use std::time::Duration;
use support::lives::{Lives, Load, Moment, kills};
use support::timers::{Timers, recall};
use support::{Broker, WAIT, free_port, now_ms, read_queue, read_records, send_command_with};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_message_comes_once_through_kills() {
    let kills = kills(30);
    let mut lives = Lives::new(Timers::default());
    for n in 0..kills {
        lives.kill(Moment::Done(20 + n * 397 % 3000)).await;
    }
    lives.judge().await;
    let Timers { due, recalled, seen } = lives.load;
    println!(
        "{kills} kills, {} acknowledged, {} seen, none twice or early; {} taken back",
        due.len(),
        seen.len(),
        recalled.len()
    );
    assert!(recalled.len() as u64 > 3 * kills, "recalls were tried");
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
    let broker = Broker::start(&root, free_port(), Timers::SETTINGS).await;
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
    let broker = Broker::start(&root, free_port(), Timers::SETTINGS).await;
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
