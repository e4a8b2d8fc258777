//! Messages that a consumer sends back: each that was acknowledged comes again after its delay with one more in its count, or goes to
//! the dead letters when it has failed often enough. A send-back that was not answered may have been done, and is tried again.

use super::lives::{Job, Load};
use super::{Broker, WAIT, delays_are_done, read_records, send_command, try_read_records};
use gantry_message::id;
use gantry_remoting::client::Connection;
use gantry_remoting::header::{ConsumerSendMsgBack, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const LANES: usize = 8;
const DELAY: i64 = 1000;
/// A message with this count is dead when it is sent back.
const LIMIT: i32 = 2;
const RETRIES: &str = "%RETRY%g";
const DEAD: &str = "%DLQ%g";

/// A message and its count.
type Which = (String, i32);

/// How often a message with this count was sent back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tried {
    attempts: usize,
    acked: usize,
}

/// A message that a consumer has failed on.
#[derive(Clone, Debug)]
struct Failed {
    which: Which,
    physical_offset: i64,
}

/// What was sent back, and what became of it.
#[derive(Default)]
pub struct Retries {
    pub tried: HashMap<Which, Tried>,
    /// To be sent back: what was not answered comes again.
    todo: VecDeque<Failed>,
    /// The next message of the retry topic.
    at: i64,
}

/// `None` when the broker is gone.
async fn send_back(connection: &Connection, failed: &Failed) -> Option<()> {
    let command = ConsumerSendMsgBack {
        offset: failed.physical_offset,
        group: "g",
        delay_level: 1,
        origin_msg_id: None,
        origin_topic: Some("T"),
        unit_mode: false,
        max_reconsume_times: Some(LIMIT),
    };
    let command = command.into_command(CommandBuf::request(RequestCode::CONSUMER_SEND_MSG_BACK));
    let answer = connection.request(command, WAIT).await.ok()?;
    assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
    Some(())
}

/// Sends one after the other until the broker is gone. Gives what is to be sent back.
async fn lane(
    connection: Arc<Connection>,
    name: String,
    pause: Duration,
    found: tokio::sync::mpsc::Sender<Failed>,
) {
    for n in 0.. {
        let body = format!("{name}-{n}");
        let Ok(answer) = connection.request(send_command("T", 0, body.clone()), WAIT).await else { return };
        assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
        let (_, physical_offset) = id::parse_offset_id(answer.find("msgId").unwrap()).unwrap();
        if found.send(Failed { which: (body, 0), physical_offset }).await.is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}

impl Load for Retries {
    const SETTINGS: &'static [&'static str] = &[
        "messageDelayLevel=1s 2s",
        "mapedFileSizeCommitLog=1048576",
        "flushConsumerOffsetInterval=300",
        "maxIndexNum=4000",
    ];

    async fn work(&mut self, job: &Job) {
        let Ok(connection) = Connection::open(&job.addr, WAIT, None).await else { return };
        let connection = Arc::new(connection);
        let (found, mut new) = tokio::sync::mpsc::channel(LANES);
        let mut lanes = tokio::task::JoinSet::new();
        for n in 0..LANES {
            lanes.spawn(lane(Arc::clone(&connection), format!("{}-{n}", job.life), job.pause, found.clone()));
        }
        drop(found);
        loop {
            while let Ok(failed) = new.try_recv() {
                self.todo.push_back(failed);
            }
            if self.step(&connection, &job.count).await.is_none() {
                break;
            }
            tokio::task::yield_now().await;
        }
        new.close();
        while lanes.join_next().await.is_some() {}
        while let Ok(failed) = new.try_recv() {
            self.todo.push_back(failed);
        }
    }

    async fn judge(&mut self, broker: &Broker, _: &Path) {
        let connection = broker.connect().await;
        let start = Instant::now();
        loop {
            self.step(&connection, &AtomicU64::new(0)).await.unwrap();
            if self.todo.is_empty() && delays_are_done(&connection).await {
                let at = self.at;
                self.step(&connection, &AtomicU64::new(0)).await.unwrap();
                if self.at == at {
                    break;
                }
            }
            assert!(start.elapsed() < WAIT, "retries go on for too long");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.compare(&connection).await;
    }
}

impl Retries {
    /// Sends back what there is, and then what comes again.
    async fn step(&mut self, connection: &Connection, count: &AtomicU64) -> Option<()> {
        while let Some(failed) = self.todo.front() {
            let tried = self.tried.entry(failed.which.clone()).or_default();
            tried.attempts += 1;
            send_back(connection, failed).await?;
            tried.acked += 1;
            self.todo.pop_front();
            count.fetch_add(1, Ordering::Relaxed);
        }
        let (at, todo) = (&mut self.at, &mut self.todo);
        try_read_records(connection, RETRIES, 0, *at, |record| {
            *at = record.queue_offset + 1;
            let which = (String::from_utf8(record.body.to_vec()).unwrap(), record.reconsume_times);
            assert_eq!(record.property("RETRY_TOPIC"), Some("T"));
            todo.push_back(Failed { which, physical_offset: record.physical_offset });
        })
        .await
    }

    /// What is stored against what was sent back.
    async fn compare(&self, connection: &Connection) {
        let waited = stored(connection, "SCHEDULE_TOPIC_XXXX").await;
        let came = stored(connection, RETRIES).await;
        let dead = stored(connection, DEAD).await;
        for (which, times) in &came {
            let waited = waited.get(which).map_or(&[][..], Vec::as_slice);
            assert_eq!(waited.len(), times.len(), "{which:?} waited, and came");
            for (waited, came) in waited.iter().zip(times) {
                assert!(came - waited >= DELAY, "{which:?} came after {} ms", came - waited);
            }
        }
        assert_eq!(waited.len(), came.len(), "all came that waited");
        for ((body, count), tried) in &self.tried {
            let next = (body.clone(), count + 1);
            let found = if *count < LIMIT { &came } else { &dead };
            let found = found.get(&next).map_or(0, Vec::len);
            assert!(
                (tried.acked..=tried.attempts).contains(&found),
                "{next:?} is there {found} times: {tried:?}"
            );
        }
        for (which, _) in came.iter().chain(&dead) {
            let before = (which.0.clone(), which.1 - 1);
            assert!(self.tried.contains_key(&before), "{which:?} is there, and nobody sent it back");
        }
    }

    /// Acknowledged send-backs: of those that come again, and of the dead.
    pub fn acked(&self) -> (usize, usize) {
        let sum = |is_dead: bool| {
            let tried = self.tried.iter().filter(|((_, count), _)| (*count >= LIMIT) == is_dead);
            tried.map(|(_, tried)| tried.acked).sum()
        };
        (sum(false), sum(true))
    }

    /// Send-backs that were not answered.
    pub fn unanswered(&self) -> usize {
        self.tried.values().map(|tried| tried.attempts - tried.acked).sum()
    }
}

/// When each message of queue 0 was stored, in milliseconds since the epoch.
async fn stored(connection: &Connection, topic: &str) -> BTreeMap<Which, Vec<i64>> {
    let mut all: BTreeMap<Which, Vec<i64>> = BTreeMap::new();
    read_records(connection, topic, 0, 0, |record| {
        let which = (String::from_utf8(record.body.to_vec()).unwrap(), record.reconsume_times);
        all.entry(which).or_default().push(record.store_timestamp);
    })
    .await;
    all
}
