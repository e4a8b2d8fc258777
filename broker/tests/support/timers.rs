//! Messages with a time of their own: each comes once, at its time or after it, and none that was taken back.

use super::lives::{Job, Load};
use super::{Broker, WAIT, is_at_end, now_ms, read_records, send_command_with};
use gantry_remoting::client::Connection;
use gantry_remoting::header::{RecallMessage, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const LANES: usize = 16;
/// A recall that was answered this long before the time in milliseconds has won.
const SAFELY: i64 = 300;

/// What was acknowledged: when each message is due, and which were taken back.
#[derive(Default)]
pub struct Timers {
    pub due: HashMap<String, i64>,
    pub recalled: HashSet<String>,
    pub seen: HashSet<String>,
}

pub fn recall(handle: &str) -> CommandBuf {
    RecallMessage { producer_group: Some("p"), topic: "real", recall_handle: handle }
        .into_command(CommandBuf::request(RequestCode::RECALL_MESSAGE))
}

/// Sends one after the other until the broker is gone.
async fn lane(connection: Arc<Connection>, name: String, job: Job) -> Timers {
    let mut sent = Timers::default();
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
            let again = connection.request(recall(handle.as_deref().unwrap()), WAIT).await;
            if now_ms() < due - SAFELY {
                sent.recalled.insert(key);
            }
            if again.is_err() {
                break;
            }
        }
        job.did_one().await;
    }
    sent
}

impl Load for Timers {
    const SETTINGS: &'static [&'static str] = &[
        "recallMessageEnable=true",
        "mapedFileSizeCommitLog=1048576",
        "flushConsumerOffsetInterval=100",
        "maxIndexNum=4000",
        "timerMaxDelaySec=100",
    ];

    async fn work(&mut self, job: &Job) {
        let Ok(connection) = Connection::open(&job.addr, WAIT, None).await else { return };
        let connection = Arc::new(connection);
        let mut lanes = tokio::task::JoinSet::new();
        for n in 0..LANES {
            lanes.spawn(lane(Arc::clone(&connection), format!("{}-{n}", job.life), job.clone()));
        }
        while let Some(lane) = lanes.join_next().await {
            let lane = lane.unwrap();
            self.due.extend(lane.due);
            self.recalled.extend(lane.recalled);
        }
    }

    async fn judge(&mut self, broker: &Broker, root: &Path) {
        let connection = broker.connect().await;
        let start = Instant::now();
        loop {
            self.read(&connection).await;
            let missing = self.due.keys().filter(|key| !self.seen.contains(*key)).count();
            if missing == 0 {
                break;
            }
            assert!(start.elapsed() < WAIT, "{missing} of {} are missing", self.due.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        is_at_end(&connection, root, "CID_RMQ_SYS_TIMER", "rmq_sys_wheel_timer").await;
        is_at_end(&connection, root, "CID_RMQ_SYS_TIMER", "rmq_sys_gantry_timer_marks").await;
        // Nothing waits any more: what is there now is all.
        self.read(&connection).await;
    }
}

impl Timers {
    async fn read(&mut self, connection: &Connection) {
        let from = self.seen.len() as i64;
        read_records(connection, "real", 1, from, |record| {
            let key = String::from_utf8(record.body.to_vec()).unwrap();
            assert!(!self.recalled.contains(&key), "{key} was taken back");
            let due: i64 = record.property("TIMER_DELIVER_MS").unwrap().parse().unwrap();
            let early = due - record.store_timestamp;
            assert!(early <= 0, "{key} came {early} ms early");
            assert!(record.property("REAL_TOPIC").is_none_or(|topic| topic == "real"));
            assert!(self.seen.insert(key.clone()), "{key} came twice");
        })
        .await;
    }
}
