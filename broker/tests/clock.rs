//! The wall clock is set while messages wait: forward by an hour and back. Nothing waits for longer than it was to, and nothing
//! comes before.
//!
//! The clock is that of `gantry_store::clock`: `cargo test -p gantry-broker --features faults --test clock`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a test may panic")]

mod support;

use gantry_remoting::client::Connection;
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::pop::{ANY, Ask, pop};
use support::{Broker, WAIT, free_port, read_queue, send_command_with};

const HOUR: i64 = 3_600_000;
const SETTINGS: &[&str] = &["messageDelayLevel=2s", "mapedFileSizeCommitLog=1048576", "maxIndexNum=4000"];

/// A broker, and its clock.
struct Set {
    _dir: tempfile::TempDir,
    clock: PathBuf,
    _broker: Broker,
    connection: Connection,
}

impl Set {
    async fn an_hour_ahead() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (root, clock) = (dir.path().join("store"), dir.path().join("clock"));
        std::fs::create_dir(&root).unwrap();
        set(&clock, HOUR);
        let broker = Broker::start_with_clock(&root, free_port(), SETTINGS, &clock).await;
        let connection = broker.connect().await;
        Self { _dir: dir, clock, _broker: broker, connection }
    }

    async fn back(&self) {
        set(&self.clock, 0);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    async fn send(&self, topic: &str, properties: &str, body: &str) {
        let command = send_command_with(topic, 0, properties, false, body.to_owned());
        let answer = self.connection.request(command, WAIT).await.unwrap();
        assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
    }

    /// After how long so many messages are in the queue.
    async fn come(&self, topic: &str, count: usize, start: Instant) -> Duration {
        while read_queue(&self.connection, topic, 0, 0).await.len() < count {
            assert!(start.elapsed() < WAIT, "{count} messages do not come");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        start.elapsed()
    }

    async fn popped(&self, ask: Ask<'_>) -> Duration {
        let start = Instant::now();
        loop {
            let popped = pop(&self.connection, Ask { poll: 0, ..ask }).await.unwrap();
            if popped.iter().any(|popped| popped.body == "m") {
                return start.elapsed();
            }
            assert!(start.elapsed() < WAIT, "it does not come again");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// At once, for whoever looks.
fn set(clock: &Path, ahead: i64) {
    let fresh = clock.with_extension("new");
    std::fs::write(&fresh, ahead.to_string()).unwrap();
    std::fs::rename(&fresh, clock).unwrap();
}

fn about(took: Duration, ms: u64) {
    let expected = Duration::from_millis(ms);
    assert!(took >= expected, "{took:?}, not {expected:?}: early");
    assert!(took < expected + Duration::from_secs(3), "{took:?}, not {expected:?}: late");
}

#[tokio::test]
async fn a_delay_level_is_as_long_as_it_was() {
    let set = Set::an_hour_ahead().await;
    let first = Instant::now();
    set.send("T", "DELAY\u{1}1\u{2}", "before").await;
    set.back().await;
    let second = Instant::now();
    set.send("T", "DELAY\u{1}1\u{2}", "after").await;
    about(set.come("T", 1, first).await, 2000);
    about(set.come("T", 2, second).await, 2000);
}

#[tokio::test]
async fn a_message_that_waits_for_a_length_of_time_waits_for_no_longer() {
    let set = Set::an_hour_ahead().await;
    let start = Instant::now();
    set.send("T", "TIMER_DELAY_MS\u{1}1500\u{2}", "m").await;
    set.back().await;
    about(set.come("T", 1, start).await, 1500);
}

#[tokio::test]
async fn what_was_popped_comes_again_when_its_time_is_over() {
    let set = Set::an_hour_ahead().await;
    set.send("T", "", "m").await;
    let ask = Ask { invisible: 1500, ..ANY };
    set.popped(ask).await;
    set.back().await;
    about(set.popped(ask).await + Duration::from_millis(100), 1500);
}

#[tokio::test]
async fn what_was_popped_in_order_comes_again_when_its_time_is_over() {
    let set = Set::an_hour_ahead().await;
    set.send("T", "", "m").await;
    set.popped(Ask { invisible: 1500, order: true, attempt: Some("1"), ..ANY }).await;
    set.back().await;
    let again = Ask { order: true, attempt: Some("2"), ..ANY };
    about(set.popped(again).await + Duration::from_millis(100), 1500);
}

#[tokio::test]
async fn a_clock_that_is_set_forward_deletes_nothing() {
    let set = Set::an_hour_ahead().await;
    let body = "x".repeat(100_000);
    for _ in 0..35 {
        set.send("T", "", &body).await;
    }
    self::set(&set.clock, 100 * HOUR);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let delete = CommandBuf::request(RequestCode::DELETE_EXPIRED_COMMITLOG);
    let answer = set.connection.request(delete, WAIT).await.unwrap();
    assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
    assert_eq!(read_queue(&set.connection, "T", 0, 0).await.len(), 35);
}
