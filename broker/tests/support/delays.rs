//! Messages with a delay level: each that waited comes once, its delay after it was stored or later, in the order of its level.

use super::lives::{Job, Load};
use super::{Broker, WAIT, delays_are_done, read_records, send_command_with};
use gantry_remoting::ResponseCode;
use gantry_remoting::client::Connection;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const LANES: usize = 16;
/// Of the levels, in milliseconds.
const DELAYS: [i64; 3] = [1000, 2000, 1000];
const QUEUES: i32 = 2;

/// A message as it waited.
struct Waited {
    level: usize,
    /// Milliseconds since the epoch.
    stored: i64,
    offset: i64,
}

/// What was acknowledged, and what came.
#[derive(Default)]
pub struct Delays {
    pub acked: HashSet<String>,
    waited: HashMap<String, Waited>,
    levels: [i64; 3],
    pub seen: HashSet<String>,
    queues: [i64; QUEUES as usize],
    /// What came last of each level and queue.
    last: HashMap<(usize, usize), i64>,
}

/// Sends one after the other until the broker is gone. Gives what was acknowledged.
async fn lane(connection: Arc<Connection>, name: String, job: Job) -> Vec<String> {
    let mut acked = Vec::new();
    for n in 0.. {
        let key = format!("{name}-{n}");
        let text = format!("DELAY\u{1}{}\u{2}", n % DELAYS.len() + 1);
        let message = send_command_with("real", n as i32 % QUEUES, &text, false, key.clone());
        let Ok(answer) = connection.request(message, WAIT).await else { break };
        assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
        acked.push(key);
        job.did_one().await;
    }
    acked
}

impl Load for Delays {
    const SETTINGS: &'static [&'static str] = &[
        "messageDelayLevel=1s 2s 1s",
        "mapedFileSizeCommitLog=1048576",
        "mapedFileSizeConsumeQueue=20000",
        "flushConsumerOffsetInterval=300",
        "maxIndexNum=4000",
    ];

    async fn work(&mut self, job: &Job) {
        let Ok(connection) = Connection::open(&job.addr, WAIT, None).await else { return };
        let connection = Arc::new(connection);
        let mut lanes = tokio::task::JoinSet::new();
        for n in 0..LANES {
            lanes.spawn(lane(Arc::clone(&connection), format!("{}-{n}", job.life), job.clone()));
        }
        while let Some(acked) = lanes.join_next().await {
            self.acked.extend(acked.unwrap());
        }
    }

    async fn judge(&mut self, broker: &Broker, _: &Path) {
        let connection = broker.connect().await;
        self.read_waiting(&connection).await;
        let lost = self.acked.iter().filter(|key| !self.waited.contains_key(*key)).count();
        assert_eq!(lost, 0, "acknowledged, and never stored");
        let start = Instant::now();
        while !delays_are_done(&connection).await {
            assert!(start.elapsed() < WAIT, "the levels go on for too long");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.read_delivered(&connection).await;
        let missing = self.waited.keys().filter(|key| !self.seen.contains(*key)).count();
        assert_eq!(missing, 0, "of {} that waited", self.waited.len());
    }
}

impl Delays {
    async fn read_waiting(&mut self, connection: &Connection) {
        for level in 0..DELAYS.len() {
            let waited = &mut self.waited;
            let from = &mut self.levels[level];
            read_records(connection, "SCHEDULE_TOPIC_XXXX", level as i32, *from, |record| {
                let key = String::from_utf8(record.body.to_vec()).unwrap();
                *from = record.queue_offset + 1;
                let one = Waited { level, stored: record.store_timestamp, offset: record.queue_offset };
                assert!(waited.insert(key.clone(), one).is_none(), "{key} was stored twice");
            })
            .await;
        }
    }

    async fn read_delivered(&mut self, connection: &Connection) {
        for queue in 0..self.queues.len() {
            let (waited, seen, last) = (&self.waited, &mut self.seen, &mut self.last);
            let from = &mut self.queues[queue];
            read_records(connection, "real", queue as i32, *from, |record| {
                let key = String::from_utf8(record.body.to_vec()).unwrap();
                *from = record.queue_offset + 1;
                assert!(seen.insert(key.clone()), "{key} came twice");
                let Waited { level, stored, offset } = waited[&key];
                let early = stored + DELAYS[level] - record.store_timestamp;
                assert!(early <= 0, "{key} came {early} ms early");
                let before = last.insert((level, queue), offset);
                assert!(before.is_none_or(|before| before < offset), "{key} came out of turn");
            })
            .await;
        }
    }
}
