//! Sending one message, with the attempts that Apache's producer would make and one difference: when it is unknown
//! whether a broker stored a message (no answer in time, or the connection broke), it is not sent again. The caller
//! learns that it is unknown and decides.

use super::{BadMessage, Message, Packed, Receipt, Rotation, Target, Verdict, by_key, pick, verdict};
use crate::client::{Access, Backoff, Error, Links, RemotingError};
use crate::route::{DEFAULT_QUEUES, NameServers, Routes, Topology};
use gantry_message::name::{self, DEFAULT_TOPIC};
use gantry_remoting::body::MessageQueue;
use gantry_remoting::header::{SendMessageV2, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Attempts for one message when any queue will do (Apache: 1 + `retryTimesWhenSendFailed`).
pub const MAX_ATTEMPTS: u32 = 3;
/// Before the second attempt: a busy broker is not asked again in the same instant.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The producer group that is announced.
pub const PRODUCER_GROUP: &str = "gantry-cli";

/// Sends messages over one connection a broker.
#[derive(Debug)]
pub struct Producer {
    routes: Routes,
    links: Links,
    rotation: Rotation,
    /// For one message with all its attempts.
    timeout: Duration,
}

/// Why a message is not known to be stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// It was refused before anything was sent.
    #[error(transparent)]
    Bad(#[from] BadMessage),
    /// It is not stored.
    #[error("{last}{}", after(*attempts))]
    Failed {
        /// How many times it was tried.
        attempts: u32,
        /// What happened last.
        last: Error,
    },
    /// It may or may not be stored.
    #[error("it is unknown whether the message was stored: {last}")]
    Unknown {
        /// The message's id, to look for it by.
        message_id: String,
        /// The queue it would be in.
        queue: MessageQueue,
        /// What happened.
        last: Error,
    },
}

fn after(attempts: u32) -> String {
    if attempts > 1 { format!(" (attempt {attempts} of {MAX_ATTEMPTS})") } else { String::new() }
}

/// How one attempt failed.
enum Failure {
    /// Nothing was stored; another queue may take it.
    TryAnother(Error),
    /// Nothing was stored, and trying again does not help.
    Final(Error),
    /// Nobody knows.
    Unknown(Error),
}

impl Producer {
    /// A producer that asks `name_servers` and gives each message `timeout`.
    #[must_use]
    pub fn new(name_servers: NameServers, timeout: Duration) -> Self {
        Self {
            routes: Routes::new(name_servers),
            links: Links::default(),
            rotation: Rotation::default(),
            timeout,
        }
    }

    /// Checks that `topic` can be sent to, and how.
    ///
    /// # Errors
    /// A bad name, no name server, or no such topic where topics are not made by themselves.
    pub async fn prepare(&self, topic: &str) -> Result<std::sync::Arc<Topology>, Error> {
        name::check_topic(topic)?;
        let topology = self.routes.for_sending(topic).await?;
        if topology.writable.is_empty() {
            return Err(Error::NoQueue { topic: topic.to_owned(), access: Access::Write });
        }
        Ok(topology)
    }

    /// Sends one message.
    ///
    /// # Errors
    /// See [`SendError`]; only [`SendError::Unknown`] leaves open whether the message is stored.
    pub async fn send(&self, message: &Message, target: &Target) -> Result<Receipt, SendError> {
        let packed = message.pack()?;
        let deadline = Instant::now() + self.timeout;
        let mut avoid: Option<String> = None;
        let mut before: Option<Error> = None;
        let mut backoff = Backoff::new(FIRST_PAUSE, self.timeout);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let failed = |last| SendError::Failed { attempts: attempt, last };
            let topology = match self.prepare(&packed.topic).await {
                Ok(topology) => topology,
                // The route of a broker that died is gone soon. That it died says more.
                Err(last) => return Err(failed(before.unwrap_or(last))),
            };
            let queue = self.choose(&topology, target, avoid.as_deref()).map_err(failed)?;
            match self.attempt(&packed, &topology, &queue, deadline, attempt).await {
                Ok(receipt) => return Ok(Receipt { attempts: attempt, ..receipt }),
                Err(Failure::Unknown(last)) => {
                    return Err(SendError::Unknown { message_id: packed.unique_key, queue, last });
                }
                Err(Failure::TryAnother(error))
                    if *target == Target::Any && attempt < MAX_ATTEMPTS && Instant::now() < deadline =>
                {
                    self.routes.mark_stale(&packed.topic);
                    avoid = Some(queue.broker_name);
                    before = Some(error);
                    tokio::time::sleep(backoff.pause()).await;
                }
                Err(Failure::TryAnother(last) | Failure::Final(last)) => return Err(failed(last)),
            }
        }
    }

    fn choose(
        &self,
        topology: &Topology,
        target: &Target,
        avoid: Option<&str>,
    ) -> Result<MessageQueue, Error> {
        let none = || Error::NoQueue { topic: topology.topic.clone(), access: Access::Write };
        let queues = &topology.writable;
        match target {
            Target::Any => self.rotation.next(queues, avoid).ok_or_else(none).cloned(),
            Target::Key(key) => by_key(queues, key).ok_or_else(none).cloned(),
            Target::Queue { broker_name, queue_id } => pick(queues, broker_name.as_deref(), *queue_id)
                .cloned()
                .map_err(|present| Error::NoSuchQueue {
                    topic: topology.topic.clone(),
                    wanted: broker_name
                        .as_ref()
                        .map_or_else(|| queue_id.to_string(), |name| format!("{name}:{queue_id}")),
                    present,
                }),
        }
    }

    async fn attempt(
        &self,
        packed: &Packed,
        topology: &Topology,
        queue: &MessageQueue,
        deadline: Instant,
        attempt: u32,
    ) -> Result<Receipt, Failure> {
        let none = || Error::NoQueue { topic: packed.topic.clone(), access: Access::Write };
        let addr = topology.master(&queue.broker_name).ok_or_else(|| Failure::TryAnother(none()))?;
        // A broker that cannot be reached must leave time for the others.
        let to_connect = left(deadline) / (MAX_ATTEMPTS + 1).saturating_sub(attempt).max(1);
        let connection =
            self.links.connect(addr, to_connect).await.map_err(|error| Failure::TryAnother(error.into()))?;
        let answer =
            connection.request(command(packed, queue), left(deadline)).await.map_err(
                |error| match error {
                    RemotingError::Connect { .. } => Failure::TryAnother(error.into()),
                    RemotingError::Closed(_) | RemotingError::Timeout { .. } => {
                        Failure::Unknown(error.into())
                    }
                },
            )?;
        match verdict(answer.response_code()) {
            Verdict::Stored(status) => Receipt::read(&answer, addr, queue, packed.unique_key.clone(), status)
                .map_err(Failure::Unknown),
            Verdict::TryAnother => Err(Failure::TryAnother(refused(addr, answer))),
            Verdict::Refused => Err(Failure::Final(refused(addr, answer))),
        }
    }
}

/// Time left, in whole milliseconds: it is told to people.
fn left(deadline: Instant) -> Duration {
    let left = deadline.saturating_duration_since(Instant::now());
    Duration::from_millis(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
}

fn refused(addr: &str, answer: CommandBuf) -> Error {
    Error::Refused {
        addr: addr.to_owned(),
        request: RequestCode::SEND_MESSAGE_V2,
        code: ResponseCode(answer.code),
        remark: answer.remark.unwrap_or_default(),
    }
}

fn command(packed: &Packed, queue: &MessageQueue) -> CommandBuf {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let header = SendMessageV2 {
        producer_group: PRODUCER_GROUP,
        topic: &packed.topic,
        default_topic: Some(DEFAULT_TOPIC),
        default_topic_queue_nums: DEFAULT_QUEUES,
        queue_id: queue.queue_id,
        sys_flag: packed.sys_flag,
        born_timestamp: i64::try_from(now.as_millis()).unwrap_or(i64::MAX),
        flag: 0,
        properties: Some(&packed.properties),
        reconsume_times: Some(0),
        unit_mode: false,
        max_reconsume_times: None,
        batch: false,
        broker_name: Some(&queue.broker_name),
    };
    header.into_command(CommandBuf::request(RequestCode::SEND_MESSAGE_V2)).with_body(packed.body.clone())
}
