//! What the parts of one member share.

use super::batch::Batch;
use super::config::{Config, Model};
use super::filter::TagFilter;
use super::note::Note;
use super::queue::Queue;
use super::trouble::Troubles;
use crate::client::{Access, Error, Links, client_id};
use crate::route::{MASTER, NameServers, Routes, Topology};
use gantry_message::name::{RETRY_PREFIX, retry_topic};
use gantry_remoting::body::MessageQueue;
use gantry_remoting::client::Connection;
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, mpsc};

/// One member, as its tasks see it.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) client_id: String,
    pub(super) routes: Routes,
    pub(super) links: Links,
    /// When the subscription was made: the broker keeps the greatest it was told.
    pub(super) sub_version: i64,
    /// The connections that a heartbeat has gone over.
    pub(super) introduced: Mutex<HashMap<String, Arc<Connection>>>,
    /// The queues that are ours now.
    pub(super) queues: Mutex<BTreeMap<MessageQueue, Arc<Queue>>>,
    /// Asked for by the broker, or by whoever found the sharing incomplete.
    pub(super) rebalance: Arc<Notify>,
    /// A position moved.
    pub(super) progress: Arc<Notify>,
    pub(super) batches: mpsc::Sender<Batch>,
    /// All queues of the last sharing are started.
    balanced: AtomicBool,
    notes: mpsc::Sender<Note>,
    pub(super) troubles: Troubles,
    /// A queue was started.
    started: AtomicBool,
}

impl Shared {
    pub(super) fn new(
        config: Config,
        name_servers: NameServers,
        batches: mpsc::Sender<Batch>,
        notes: mpsc::Sender<Note>,
    ) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let rebalance = Arc::new(Notify::new());
        let client_id = client_id(name_servers.list().addrs().first().map_or("", String::as_str));
        Self {
            client_id,
            routes: Routes::new(name_servers),
            links: Links::new(answer_server(config.group.clone(), Arc::clone(&rebalance))),
            sub_version: i64::try_from(now.as_millis()).unwrap_or(i64::MAX),
            introduced: Mutex::default(),
            queues: Mutex::default(),
            rebalance,
            progress: Arc::default(),
            batches,
            balanced: AtomicBool::new(false),
            notes,
            troubles: Troubles::default(),
            started: AtomicBool::new(false),
            config,
        }
    }

    /// The topic, and the group's retry topic: who shares a group with Java members shares both.
    pub(super) fn topics(&self) -> Vec<String> {
        let mut topics = vec![self.config.topic.clone()];
        if self.config.model == Model::Clustering {
            topics.push(retry_topic(&self.config.group));
        }
        topics
    }

    /// What is wanted of `topic`: everything of the retry topic.
    pub(super) fn filter(&self, topic: &str) -> TagFilter {
        if topic == self.config.topic { self.config.filter.clone() } else { TagFilter::default() }
    }

    pub(super) fn is_retry(topic: &str) -> bool {
        topic.starts_with(RETRY_PREFIX)
    }

    pub(super) async fn topology(&self) -> Result<Arc<Topology>, Error> {
        self.routes.existing(&self.config.topic).await
    }

    /// The broker to ask about a queue: its master, or who is left.
    pub(super) async fn broker_of(&self, queue: &MessageQueue) -> Result<String, Error> {
        let topology = self.routes.existing(&queue.topic).await?;
        let (_, addr) = topology
            .reader(&queue.broker_name, MASTER)
            .ok_or_else(|| Error::NoQueue { topic: queue.topic.clone(), access: Access::Read })?;
        Ok(addr.to_owned())
    }

    /// Tells the user, unless too much is waiting to be told already.
    pub(super) fn note(&self, note: Note) {
        let _ = self.notes.try_send(note);
    }

    /// Says of the first queue how it was started.
    pub(super) fn note_started(&self, committed: bool) {
        if !self.started.swap(true, Ordering::Relaxed) {
            self.note(Note::Started { committed });
        }
    }

    pub(super) fn set_balanced(&self, balanced: bool) {
        self.balanced.store(balanced, Ordering::Release);
        self.progress.notify_one();
    }

    /// Everything that was there when the queues were assigned is used.
    pub(super) fn is_at_end(&self) -> bool {
        self.balanced.load(Ordering::Acquire) && self.queues.lock().values().all(|queue| queue.is_at_end())
    }
}

/// Answers what brokers ask of a member. They may ask more of Java's than of us.
fn answer_server(
    group: String,
    rebalance: Arc<Notify>,
) -> impl Fn(&CommandBuf) -> Option<CommandBuf> + Send + Sync + 'static {
    move |command| {
        if RequestCode(command.code) == RequestCode::NOTIFY_CONSUMER_IDS_CHANGED {
            if command.find("consumerGroup") == Some(&group) {
                rebalance.notify_one();
            }
            return Some(CommandBuf::default());
        }
        Some(CommandBuf {
            code: ResponseCode::REQUEST_CODE_NOT_SUPPORTED.0,
            remark: Some(format!("gantry does not answer request {}", RequestCode(command.code))),
            ..CommandBuf::default()
        })
    }
}
