//! Messages that a group is given by POP: none is lost, none is given again before its time, and what was acknowledged comes again
//! only when a kill followed at once.

use super::lives::{Job, Load};
use super::{Broker, WAIT, is_at_end, now_ms, send_command_with};
use gantry_message::{Record, record};
use gantry_remoting::client::Connection;
use gantry_remoting::header::{AckMessage, ChangeInvisibleTime, PopMessage, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Mutex;

/// Milliseconds.
const INVISIBLE: i64 = 3000;
/// What is hidden for longer: milliseconds from then on.
const HIDDEN: i64 = 4000;
/// A kill may forget acknowledgements of a second before it, and of the time for which a thread does not run: in milliseconds.
const FORGOTTEN: i64 = 2200;

/// A message that was popped.
#[derive(Clone, Debug)]
pub struct Popped {
    pub body: String,
    pub handle: String,
    pub queue: i32,
    pub offset: i64,
    pub pop_time: i64,
    pub times: i32,
    pub is_retry: bool,
}

#[derive(Clone, Copy)]
pub struct Ask<'a> {
    pub queue: i32,
    pub most: i32,
    pub invisible: i64,
    pub poll: i64,
    pub order: bool,
    pub attempt: Option<&'a str>,
}

pub const ANY: Ask<'static> =
    Ask { queue: -1, most: 8, invisible: INVISIBLE, poll: 0, order: false, attempt: None };

/// `None` when the broker is gone.
pub async fn pop(connection: &Connection, ask: Ask<'_>) -> Option<Vec<Popped>> {
    let command = PopMessage {
        consumer_group: "g",
        topic: "T",
        queue_id: ask.queue,
        max_msg_nums: ask.most,
        invisible_time: ask.invisible,
        poll_time: ask.poll,
        // Whoever does not wait need not have the broker's time.
        born_time: if ask.poll > 0 { now_ms() } else { 0 },
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
        let handle = record.property("POP_CK").map(str::to_owned);
        // One without room for its handle comes under the name of the retry topic.
        assert!(record.topic == "T" || handle.is_none(), "as it was sent, not {}", record.topic);
        let is_retry = handle.is_some() || record.topic == "%RETRY%g_T";
        let retry = u8::from(is_retry);
        let key = format!("{retry} {}", record.queue_id);
        let listed = offsets.split(';').find_map(|one| one.strip_prefix(&format!("{key} "))).unwrap();
        assert!(listed.split(',').any(|offset| offset == record.queue_offset.to_string()), "{listed}");
        let start = &starts[&key];
        let made_up = format!("{start} {pop_time} {} {revive} {retry} b {}", ask.invisible, record.queue_id);
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

pub async fn ack(connection: &Connection, popped: &Popped) -> Option<ResponseCode> {
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

pub async fn send(connection: &Connection, queue: i32, body: &str) -> bool {
    let command = send_command_with("T", queue, "TAGS\u{1}a\u{2}", false, body.to_owned());
    connection
        .request(command, WAIT)
        .await
        .is_ok_and(|answer| answer.response_code() == ResponseCode::SUCCESS)
}

/// Has a message given again so many milliseconds from now. `None` when the broker is gone.
pub async fn hide(connection: &Connection, popped: &Popped, invisible: i64) -> Option<CommandBuf> {
    let command = ChangeInvisibleTime {
        consumer_group: "g",
        topic: "T",
        queue_id: popped.queue,
        extra_info: &popped.handle,
        offset: popped.offset,
        invisible_time: invisible,
    };
    let command = command.into_command(CommandBuf::request(RequestCode::CHANGE_MESSAGE_INVISIBLETIME));
    connection.request(command, WAIT).await.ok()
}

/// What became of each message, by the clock of this test.
#[derive(Default)]
pub struct Seen {
    /// When each may be given again.
    due: HashMap<String, i64>,
    /// When each was acknowledged; `None` when that may have been too late.
    acked: HashMap<String, Option<i64>>,
    kills: Vec<i64>,
    pub again: usize,
    pub hidden: usize,
}

impl Seen {
    fn give(&mut self, popped: &Popped) {
        if let Some(acked) = self.acked.remove(&popped.body).flatten() {
            let before = self.kills.iter().find(|kill| **kill >= acked).map(|kill| kill - acked);
            let is_forgotten = before.is_some_and(|before| before < FORGOTTEN);
            assert!(is_forgotten, "{popped:?} was acknowledged {before:?} ms before a kill");
        }
        if let Some(due) = self.due.insert(popped.body.clone(), popped.pop_time + INVISIBLE) {
            self.again += 1;
            let early = due - popped.pop_time;
            assert!(early <= 0, "{popped:?} came again {early} ms early");
        }
    }
}

/// Pops once; false when the broker is gone.
async fn consume(connection: &Connection, seen: &Mutex<Seen>, is_last: bool) -> bool {
    // One at a time: what is given is written down before anybody else may be given it.
    let mut seen = seen.lock().await;
    let Some(popped) = pop(connection, ANY).await else { return false };
    popped.iter().for_each(|popped| seen.give(popped));
    for popped in popped {
        match popped.offset % 8 {
            0 if popped.times == 0 && !is_last => {}
            4 if popped.times == 0 && !is_last => {
                let Some(answer) = hide(connection, &popped, HIDDEN).await else { return false };
                match answer.response_code() {
                    ResponseCode::SUCCESS => {
                        let from: i64 = answer.find("popTime").unwrap().parse().unwrap();
                        seen.hidden += 1;
                        seen.due.insert(popped.body, from + HIDDEN);
                    }
                    code => assert_eq!(code, ResponseCode::NO_MESSAGE),
                }
            }
            _ => {
                let Some(code) = ack(connection, &popped).await else { return false };
                assert_eq!(code, ResponseCode::SUCCESS);
                let now = now_ms();
                seen.acked.insert(popped.body, (now < popped.pop_time + INVISIBLE).then_some(now));
            }
        }
    }
    true
}

/// Sends and pops until the broker is gone. Gives what was acknowledged to the sender.
async fn lane(connection: Arc<Connection>, name: String, seen: Arc<Mutex<Seen>>, job: Job) -> Vec<String> {
    let mut sent = Vec::new();
    for n in 0.. {
        let body = format!("{name}-{n}");
        if !send(&connection, n % 4, &body).await {
            break;
        }
        sent.push(body);
        if n % 3 == 0 && !consume(&connection, &seen, false).await {
            break;
        }
        job.did_one().await;
    }
    sent
}

/// What was sent, and what became of it.
#[derive(Default)]
pub struct Pops {
    pub sent: HashSet<String>,
    pub seen: Arc<Mutex<Seen>>,
}

impl Load for Pops {
    const SETTINGS: &'static [&'static str] =
        &["mapedFileSizeCommitLog=1048576", "flushConsumerOffsetInterval=100", "maxIndexNum=4000"];

    async fn work(&mut self, job: &Job) {
        if let Ok(connection) = Connection::open(&job.addr, WAIT, None).await {
            let connection = Arc::new(connection);
            let mut lanes = tokio::task::JoinSet::new();
            for n in 0..8 {
                let (seen, name) = (Arc::clone(&self.seen), format!("{}-{n}", job.life));
                lanes.spawn(lane(Arc::clone(&connection), name, seen, job.clone()));
            }
            while let Some(lane) = lanes.join_next().await {
                self.sent.extend(lane.unwrap());
            }
        }
        self.seen.lock().await.kills.push(now_ms());
    }

    async fn judge(&mut self, broker: &Broker, root: &Path) {
        let connection = broker.connect().await;
        // The more was sent, the longer it takes: what must not be is that nothing more comes.
        let mut least = (usize::MAX, Instant::now());
        loop {
            assert!(consume(&connection, &self.seen, true).await);
            let seen = self.seen.lock().await;
            let missing = self.sent.iter().filter(|body| !seen.acked.contains_key(*body)).count();
            if missing == 0 {
                break;
            }
            if missing < least.0 {
                least = (missing, Instant::now());
            }
            assert!(least.1.elapsed() < WAIT, "{missing} of {} are missing", self.sent.len());
        }
        is_at_end(&connection, root, "CID_RMQ_SYS_POP", "rmq_sys_gantry_pops").await;
    }
}
