//! `kill -9` with messages on their way to consumers that pop: none is lost, none is given again before its time, and what was
//! acknowledged comes again only when a kill followed at once.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a test may panic")]

mod support;

use gantry_message::{Record, record};
use gantry_remoting::client::Connection;
use gantry_remoting::header::{AckMessage, ChangeInvisibleTime, PopMessage, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use support::{Broker, WAIT, free_port, is_at_end, send_command_with};
use tokio::sync::Mutex;

const CYCLES: u64 = 16;
/// Milliseconds.
const INVISIBLE: i64 = 3000;
/// A kill may forget acknowledgements of so many milliseconds before it.
const FORGOTTEN: i64 = 1500;
const SETTINGS: [&str; 3] =
    ["mapedFileSizeCommitLog=1048576", "flushConsumerOffsetInterval=100", "maxIndexNum=4000"];

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// A message that was popped.
#[derive(Clone, Debug)]
struct Popped {
    body: String,
    handle: String,
    queue: i32,
    offset: i64,
    pop_time: i64,
    times: i32,
    is_retry: bool,
}

#[derive(Clone, Copy)]
struct Ask<'a> {
    queue: i32,
    most: i32,
    invisible: i64,
    poll: i64,
    order: bool,
    attempt: Option<&'a str>,
}

const ANY: Ask<'static> =
    Ask { queue: -1, most: 8, invisible: INVISIBLE, poll: 0, order: false, attempt: None };

/// `None` when the broker is gone.
async fn pop(connection: &Connection, ask: Ask<'_>) -> Option<Vec<Popped>> {
    let command = PopMessage {
        consumer_group: "g",
        topic: "T",
        queue_id: ask.queue,
        max_msg_nums: ask.most,
        invisible_time: ask.invisible,
        poll_time: ask.poll,
        born_time: now_ms(),
        init_mode: 0,
        expression_type: None,
        expression: None,
        order: ask.order,
        attempt_id: ask.attempt,
    }
    .into_command(CommandBuf::request(RequestCode::POP_MESSAGE));
    let answer = connection.request(command, WAIT).await.ok()?;
    if answer.response_code() == ResponseCode::POLLING_TIMEOUT {
        return Some(Vec::new());
    }
    assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
    let field = |name| answer.find(name).unwrap().to_owned();
    let starts: HashMap<String, String> = field("startOffsetInfo")
        .split(';')
        .map(|one| one.rsplit_once(' ').unwrap())
        .map(|(queue, start)| (queue.to_owned(), start.to_owned()))
        .collect();
    let offsets = field("msgOffsetInfo");
    let (pop_time, revive) = (field("popTime"), field("reviveQid"));
    let popped = |record: Record<'_>| {
        assert_eq!(record.topic, "T", "as it was sent");
        let handle = record.property("POP_CK").map(str::to_owned);
        let is_retry = handle.is_some();
        let key = format!("{} {}", u8::from(is_retry), record.queue_id);
        let listed = offsets.split(';').find_map(|one| one.strip_prefix(&format!("{key} "))).unwrap();
        assert!(listed.split(',').any(|offset| offset == record.queue_offset.to_string()), "{listed}");
        let start = &starts[&key];
        let made_up = format!("{start} {pop_time} {} {revive} 0 b {}", ask.invisible, record.queue_id);
        Popped {
            body: String::from_utf8(record.body.to_vec()).unwrap(),
            handle: handle.unwrap_or(made_up),
            queue: record.queue_id,
            offset: record.queue_offset,
            pop_time: pop_time.parse().unwrap(),
            times: record.reconsume_times,
            is_retry,
        }
    };
    Some(record::records(&answer.body).map(|record| popped(record.unwrap())).collect())
}

async fn ack(connection: &Connection, popped: &Popped) -> Option<ResponseCode> {
    let command = AckMessage {
        consumer_group: "g",
        topic: "T",
        queue_id: popped.queue,
        extra_info: &popped.handle,
        offset: popped.offset,
    }
    .into_command(CommandBuf::request(RequestCode::ACK_MESSAGE));
    Some(connection.request(command, WAIT).await.ok()?.response_code())
}

async fn send(connection: &Connection, queue: i32, body: &str) -> bool {
    let command = send_command_with("T", queue, "TAGS\u{1}a\u{2}", false, body.to_owned());
    connection
        .request(command, WAIT)
        .await
        .is_ok_and(|answer| answer.response_code() == ResponseCode::SUCCESS)
}

/// What became of each message, by the clock of this test.
#[derive(Default)]
struct Seen {
    given: HashMap<String, i64>,
    acked: HashMap<String, i64>,
    kills: Vec<i64>,
    again: usize,
}

impl Seen {
    fn give(&mut self, popped: &Popped) {
        if let Some(acked) = self.acked.remove(&popped.body) {
            let before = self.kills.iter().find(|kill| **kill >= acked).map(|kill| kill - acked);
            let is_forgotten = before.is_some_and(|before| before < FORGOTTEN);
            assert!(is_forgotten, "{popped:?} was acknowledged {before:?} ms before a kill");
        }
        if let Some(before) = self.given.insert(popped.body.clone(), popped.pop_time) {
            self.again += 1;
            let since = popped.pop_time - before;
            assert!(since >= INVISIBLE, "{popped:?} came again after {since} ms");
        }
    }
}

/// Sends and pops until the broker is gone. Every fourth message is not acknowledged the first time.
async fn lane(connection: Arc<Connection>, name: String, seen: Arc<Mutex<Seen>>) -> Vec<String> {
    let mut sent = Vec::new();
    for n in 0.. {
        let body = format!("{name}-{n}");
        if !send(&connection, n % 4, &body).await {
            break;
        }
        sent.push(body);
        if n % 3 == 0
            && !consume(&connection, &seen, |popped| popped.times > 0 || popped.offset % 4 != 0).await
        {
            break;
        }
    }
    sent
}

/// Pops once; false when the broker is gone.
async fn consume(connection: &Connection, seen: &Mutex<Seen>, acks: impl Fn(&Popped) -> bool) -> bool {
    // One at a time: what is given is written down before anybody else may be given it.
    let mut seen = seen.lock().await;
    let Some(popped) = pop(connection, ANY).await else { return false };
    popped.iter().for_each(|popped| seen.give(popped));
    for popped in popped.iter().filter(|popped| acks(popped)) {
        let Some(code) = ack(connection, popped).await else { return false };
        assert_eq!(code, ResponseCode::SUCCESS);
        seen.acked.insert(popped.body.clone(), now_ms());
    }
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn popped_messages_survive_kills() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    std::fs::create_dir(&root).unwrap();
    let port = free_port();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut sent = HashSet::new();
    for cycle in 0..CYCLES {
        let broker = Broker::start(&root, port, &SETTINGS).await;
        let connection = Arc::new(broker.connect().await);
        let mut lanes = tokio::task::JoinSet::new();
        for n in 0..8 {
            lanes.spawn(lane(Arc::clone(&connection), format!("{cycle}-{n}"), Arc::clone(&seen)));
        }
        tokio::time::sleep(Duration::from_millis(50 + cycle * 397 % 2500)).await;
        broker.kill();
        while let Some(lane) = lanes.join_next().await {
            sent.extend(lane.unwrap());
        }
        seen.lock().await.kills.push(now_ms());
    }
    let broker = Broker::start(&root, port, &SETTINGS).await;
    let connection = broker.connect().await;
    let start = Instant::now();
    loop {
        assert!(consume(&connection, &seen, |_| true).await);
        let seen = seen.lock().await;
        let missing = sent.iter().filter(|body| !seen.acked.contains_key(*body)).count();
        if missing == 0 {
            println!("{CYCLES} kills, {} sent, none lost or early, {} given again", sent.len(), seen.again);
            assert!(seen.again > 100, "messages were left to be given again");
            break;
        }
        assert!(start.elapsed() < WAIT * 2, "{missing} of {} are missing", sent.len());
    }
    is_at_end(&connection, &root, "CID_RMQ_SYS_POP", "rmq_sys_gantry_pops").await;
}

async fn started() -> (tempfile::TempDir, Broker, Connection) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    std::fs::create_dir(&root).unwrap();
    let broker = Broker::start(&root, free_port(), &SETTINGS).await;
    let connection = broker.connect().await;
    (dir, broker, connection)
}

fn bodies(popped: &[Popped]) -> Vec<&str> {
    popped.iter().map(|popped| popped.body.as_str()).collect()
}

#[tokio::test]
async fn what_is_hidden_for_longer_comes_later() {
    let (_dir, _broker, connection) = started().await;
    for body in ["a", "b"] {
        assert!(send(&connection, 0, body).await);
    }
    let first = pop(&connection, Ask { invisible: 500, ..ANY }).await.unwrap();
    assert_eq!(bodies(&first), ["a", "b"]);
    let hide = |popped: &Popped, invisible| {
        let command = ChangeInvisibleTime {
            consumer_group: "g",
            topic: "T",
            queue_id: popped.queue,
            extra_info: &popped.handle,
            offset: popped.offset,
            invisible_time: invisible,
        };
        let command = command.into_command(CommandBuf::request(RequestCode::CHANGE_MESSAGE_INVISIBLETIME));
        connection.request(command, WAIT)
    };
    let changed = now_ms();
    let answer = hide(&first[0], 4000).await.unwrap();
    assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
    assert_eq!(answer.find("invisibleTime"), Some("4000"));
    // The old handle is worth nothing any more.
    assert_eq!(hide(&first[0], 10).await.unwrap().response_code(), ResponseCode::NO_MESSAGE);
    let again = pop(&connection, Ask { poll: 8000, ..ANY }).await.unwrap();
    assert_eq!(bodies(&again), ["b"]);
    assert!(again[0].is_retry && again[0].times == 1);
    assert_eq!(ack(&connection, &again[0]).await, Some(ResponseCode::SUCCESS));
    let later = pop(&connection, Ask { poll: 8000, ..ANY }).await.unwrap();
    assert_eq!(bodies(&later), ["a"]);
    assert!(later[0].pop_time >= changed + 4000);
}

#[tokio::test]
async fn a_pop_that_waits_is_woken() {
    let (_dir, broker, connection) = started().await;
    assert!(send(&connection, 0, "makes the topic").await);
    let first = pop(&connection, ANY).await.unwrap();
    ack(&connection, &first[0]).await.unwrap();
    // Of three that wait one gets the message, and the others go on waiting.
    let connections = [broker.connect().await, broker.connect().await, broker.connect().await];
    let ask = Ask { poll: 1500, invisible: 60_000, ..ANY };
    let start = Instant::now();
    let (a, b, c, ()) = tokio::join!(
        pop(&connections[0], ask),
        pop(&connections[1], ask),
        pop(&connections[2], ask),
        async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(send(&connection, 2, "late").await);
        }
    );
    let all = [a.unwrap(), b.unwrap(), c.unwrap()].concat();
    assert_eq!(bodies(&all), ["late"]);
    assert!(start.elapsed() >= Duration::from_millis(1500), "those that got nothing waited");
}

#[tokio::test]
async fn in_order_the_next_come_when_these_are_acknowledged() {
    let (_dir, _broker, connection) = started().await;
    for body in ["a", "b", "c"] {
        assert!(send(&connection, 1, body).await);
    }
    let ask = Ask { most: 2, order: true, attempt: Some("1"), ..ANY };
    let first = pop(&connection, ask).await.unwrap();
    assert_eq!(bodies(&first), ["a", "b"]);
    assert_eq!(bodies(&pop(&connection, ask).await.unwrap()), ["a", "b"], "who has not got the answer");
    let other = Ask { attempt: Some("2"), ..ask };
    assert!(pop(&connection, other).await.unwrap().is_empty(), "blocked");
    let first = pop(&connection, ask).await.unwrap();
    ack(&connection, &first[0]).await.unwrap();
    assert!(pop(&connection, other).await.unwrap().is_empty(), "blocked still");
    let waits = pop(&connection, Ask { poll: 3000, ..other });
    let (next, _) = tokio::join!(waits, ack(&connection, &first[1]));
    assert_eq!(bodies(&next.unwrap()), ["c"]);
    // Nobody acknowledges it: it comes again, from its queue.
    let again = pop(&connection, Ask { poll: 8000, attempt: Some("3"), ..ask }).await.unwrap();
    assert_eq!(bodies(&again), ["c"]);
    assert!(!again[0].is_retry);
}
