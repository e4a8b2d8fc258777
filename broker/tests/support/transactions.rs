//! Transactions: what was committed is there once, what was rolled back never, what nobody decides on is given up once, and nothing
//! stays open.

use super::lives::{Job, Load};
use super::{Broker, WAIT, is_at_end, read_queue, send_command_with};
use gantry_message::{Record, id};
use gantry_remoting::body::{HeartbeatData, ProducerData};
use gantry_remoting::client::Connection;
use gantry_remoting::header::{EndTransaction, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode, fastjson};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

const LANES: usize = 16;
const COMMIT: i32 = 8;
const ROLLBACK: i32 = 12;
const GIVEN_UP: &str = "TRANS_CHECK_MAX_TIME_TOPIC";

/// The body says what becomes of it: `commit-now-…`, `rollback-asked-…`, `nothing-…`.
fn decision(body: &[u8]) -> Option<i32> {
    match body {
        [b'c', ..] => Some(COMMIT),
        [b'r', ..] => Some(ROLLBACK),
        _ => None,
    }
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
    /// `None` when the broker is gone.
    async fn connect(addr: &str) -> Option<Self> {
        let (ask, mut asked) = mpsc::channel(100_000);
        let on_request = move |command: &CommandBuf| {
            assert_eq!(command.code, RequestCode::CHECK_TRANSACTION_STATE.0);
            let number = |name: &str| command.find(name).unwrap().parse::<i64>().unwrap();
            let (record, _) = Record::read(&command.body).unwrap();
            assert_eq!((record.topic, record.queue_id), ("real", 1), "as it will be seen");
            if let Some(decision) = decision(record.body) {
                ask.try_send((number("tranStateTableOffset"), number("commitLogOffset"), decision)).unwrap();
            }
            None
        };
        let connection = Connection::open(addr, WAIT, Some(Box::new(on_request))).await.ok()?;
        let heartbeat = HeartbeatData {
            client_id: "p@1".into(),
            producer_data_set: vec![ProducerData { group_name: "p".into() }],
            ..HeartbeatData::default()
        };
        let beat = CommandBuf::request(RequestCode::HEART_BEAT).with_body(fastjson::to_vec(&heartbeat));
        connection.request(beat, WAIT).await.ok()?;
        let connection = Arc::new(connection);
        let answering = Arc::clone(&connection);
        let answers = tokio::spawn(async move {
            while let Some((table, log, decision)) = asked.recv().await {
                let answering = Arc::clone(&answering);
                tokio::spawn(async move {
                    // It may have ended meanwhile: the answer says so, and nobody minds.
                    let _ = answering.request(end(table, log, decision, true), WAIT).await;
                });
            }
        });
        Some(Self { connection, answers })
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

/// Sends one after the other until the broker is gone. Gives what was acknowledged.
async fn lane(connection: Arc<Connection>, name: String, job: Job) -> Vec<String> {
    let mut sent = Vec::new();
    for n in 0.. {
        let kind = match n % 20 {
            1 => "commit-asked",
            5 => "rollback-asked",
            9 => "nothing",
            n if n % 2 == 0 => "commit-now",
            _ => "rollback-now",
        };
        let body = format!("{kind}-{name}-{n}");
        let half = send_command_with("real", 1, &properties(&body), false, body.clone());
        let Ok(answer) = connection.request(half, WAIT).await else { break };
        assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
        sent.push(body.clone());
        if let Some(decision) = decision(body.as_bytes()).filter(|_| kind.ends_with("now")) {
            let table = answer.find("queueOffset").unwrap().parse().unwrap();
            let (_, log) = id::parse_offset_id(answer.find("msgId").unwrap()).unwrap();
            let end = end(table, log, decision, false);
            // Twice: the second comes too late.
            let (first, second) =
                tokio::join!(connection.request(end.clone(), WAIT), connection.request(end, WAIT));
            let (Ok(first), Ok(second)) = (first, second) else { break };
            let codes = [first.response_code(), second.response_code()];
            assert_eq!(codes, [ResponseCode::SUCCESS, ResponseCode::SYSTEM_ERROR], "{:?}", first.remark);
        }
        job.did_one().await;
    }
    sent
}

/// What was acknowledged, and what is to be read.
#[derive(Default)]
pub struct Transactions {
    pub sent: HashSet<String>,
    pub committed: HashSet<String>,
    pub given_up: HashSet<String>,
}

impl Load for Transactions {
    const SETTINGS: &'static [&'static str] = &[
        "transactionTimeOut=100",
        "transactionCheckInterval=500",
        "transactionCheckMax=6",
        "mapedFileSizeCommitLog=1048576",
        "flushConsumerOffsetInterval=100",
        "maxIndexNum=4000",
    ];

    async fn work(&mut self, job: &Job) {
        let Some(producer) = Producer::connect(&job.addr).await else { return };
        let mut lanes = tokio::task::JoinSet::new();
        for n in 0..LANES {
            lanes.spawn(lane(Arc::clone(&producer.connection), format!("{}-{n}", job.life), job.clone()));
        }
        while let Some(sent) = lanes.join_next().await {
            self.sent.extend(sent.unwrap());
        }
    }

    async fn judge(&mut self, broker: &Broker, root: &Path) {
        let producer = Producer::connect(&broker.addr).await.unwrap();
        let start = Instant::now();
        loop {
            self.read(&producer.connection).await;
            let is_missing = |body: &&String| match decision(body.as_bytes()) {
                Some(COMMIT) => !self.committed.contains(*body),
                Some(_) => false,
                None => !self.given_up.contains(*body),
            };
            let missing: Vec<_> = self.sent.iter().filter(is_missing).collect();
            if missing.is_empty() {
                break;
            }
            assert!(
                start.elapsed() < WAIT,
                "{} of {} are missing: {missing:.3?}",
                missing.len(),
                self.sent.len()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        is_at_end(&producer.connection, root, "CID_RMQ_SYS_TRANS", "RMQ_SYS_TRANS_HALF_TOPIC").await;
        // Nothing is open any more: what is there now is all.
        self.read(&producer.connection).await;
    }
}

impl Transactions {
    async fn read(&mut self, connection: &Connection) {
        for (_, body) in read_queue(connection, "real", 1, self.committed.len() as i64).await {
            assert_eq!(decision(body.as_bytes()), Some(COMMIT), "rolled back: {body}");
            assert!(self.committed.insert(body.clone()), "{body} came twice");
        }
        for (_, body) in read_queue(connection, GIVEN_UP, 0, self.given_up.len() as i64).await {
            assert_eq!(decision(body.as_bytes()), None, "given up: {body}");
            assert!(self.given_up.insert(body.clone()), "{body} was given up twice");
        }
    }
}
