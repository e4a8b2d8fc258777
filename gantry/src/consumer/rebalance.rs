//! Sharing the queues with the other members: each computes for itself what is its own, and starts and stops
//! accordingly (Apache: `RebalanceImpl`).

use super::allocate::averagely;
use super::config::Model;
use super::fetch::fetch;
use super::note::Note;
use super::queue::Queue;
use super::shared::Shared;
use crate::client::{Error, call};
use crate::route::{Topology, compare_as_java};
use gantry_remoting::body::{ConsumerIdList, MessageQueue};
use gantry_remoting::header::{ConsumerGroup, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode, fastjson};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinSet;

/// Sharings that may miss a lock before the user is told.
const PATIENCE: u32 = 4;

/// Decides which queues are fetched.
#[derive(Debug)]
pub(super) struct Rebalancer {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    /// Sharings in a row that missed a lock.
    without_locks: u32,
    /// What the user was told last.
    told: Option<Note>,
}

impl Rebalancer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, tasks: JoinSet::new(), without_locks: 0, told: None }
    }

    /// Shares anew. `false` when something is left to do soon.
    pub(super) async fn rebalance(&mut self) -> bool {
        while self.tasks.try_join_next().is_some() {}
        let mut complete = true;
        for topic in self.shared.topics() {
            match self.rebalance_topic(&topic).await {
                Ok(all_started) => complete &= all_started,
                // A new group's retry topic is made by its first heartbeat, and seen by the name server a little later.
                Err(Error::UnknownTopic { .. }) if Shared::is_retry(&topic) => {}
                Err(Error::UnknownTopic { .. }) => {
                    self.apply(&topic, Vec::new()).await;
                    self.tell(Note::TopicGone);
                }
                Err(error) => {
                    // What we have is kept until somebody answers.
                    self.shared.trouble_with_sharing(&error);
                    complete = false;
                }
            }
        }
        if complete {
            self.shared.sharing_is_well();
        }
        self.shared.set_balanced(complete);
        complete
    }

    async fn rebalance_topic(&mut self, topic: &str) -> Result<bool, Error> {
        let topology = self.shared.routes.existing(topic).await?;
        let all = &topology.readable;
        let (mine, members) = match self.shared.config.model {
            Model::Broadcasting => (all.clone(), 0),
            Model::Clustering => {
                let members = match self.members(&topology).await {
                    // It started anew and knows nobody yet.
                    Err(Error::Refused { code: ResponseCode::SYSTEM_ERROR, .. }) => {
                        self.shared.beat(false).await?;
                        return Ok(false);
                    }
                    members => members?,
                };
                if !members.contains(&self.shared.client_id) {
                    // The broker lost us. The others share without us already, so ours are no longer ours.
                    self.apply(topic, Vec::new()).await;
                    self.shared.beat(false).await?;
                    return Ok(false);
                }
                (averagely(all, &members, &self.shared.client_id).to_vec(), members.len())
            }
        };
        let (count, all) = (mine.len(), all.len());
        let complete = self.apply(topic, mine).await;
        if !Shared::is_retry(topic) {
            self.tell(Note::Assigned { mine: count, all, members });
        }
        Ok(complete)
    }

    /// The group's members in the order that all of them use, by any broker that answers.
    async fn members(&self, topology: &Topology) -> Result<Vec<String>, Error> {
        let mut result = Ok(Vec::new());
        for addr in topology.addrs() {
            result = self.members_at(addr).await;
            if result.is_ok() {
                break;
            }
        }
        let mut members = result?;
        members.sort_by(|a, b| compare_as_java(a, b));
        members.dedup();
        Ok(members)
    }

    async fn members_at(&self, addr: &str) -> Result<Vec<String>, Error> {
        let request = RequestCode::GET_CONSUMER_LIST_BY_GROUP;
        let header = ConsumerGroup { consumer_group: &self.shared.config.group };
        let command = header.into_command(CommandBuf::request(request));
        let answer = call(&self.shared.links, addr, command, self.shared.config.timeout).await?;
        let list: ConsumerIdList = fastjson::from_slice(&answer.body).map_err(|error| Error::BadAnswer {
            addr: addr.to_owned(),
            request,
            what: error.to_string(),
        })?;
        Ok(list.consumer_id_list)
    }

    /// Gives away what is not ours any more and starts what is new. `false` when a lock is missing.
    async fn apply(&mut self, topic: &str, mine: Vec<MessageQueue>) -> bool {
        let mine: BTreeSet<MessageQueue> = mine.into_iter().collect();
        let not_ours = |name: &MessageQueue| name.topic == topic && !mine.contains(name);
        let removed = self.take(not_ours);
        self.give_away(removed).await;

        let added: Vec<MessageQueue> = {
            let queues = self.shared.queues.lock();
            mine.into_iter().filter(|name| !queues.contains_key(name)).collect()
        };
        if !self.shared.config.locks() {
            for name in added {
                self.start(Queue::new(name));
            }
            return true;
        }
        let mut locked: BTreeMap<MessageQueue, Instant> =
            self.shared.lock(&added).await.into_iter().collect();
        locked.retain(|name, _| added.contains(name));
        let missing = added.len() - locked.len();
        for (name, asked) in locked {
            let queue = Queue::new(name);
            queue.set_locked(true, asked);
            self.start(queue);
        }
        if missing > 0 {
            self.without_locks += 1;
            // Who had them before needs a moment to give them back.
            if self.without_locks == PATIENCE {
                self.shared.note(Note::WaitingForLocks { queues: missing });
            }
        } else if !Shared::is_retry(topic) {
            self.without_locks = 0;
        }
        missing == 0
    }

    fn take(&self, which: impl Fn(&MessageQueue) -> bool) -> Vec<Arc<Queue>> {
        let mut queues = self.shared.queues.lock();
        let names: Vec<_> = queues.keys().filter(|name| which(name)).cloned().collect();
        names.iter().filter_map(|name| queues.remove(name)).collect()
    }

    fn start(&mut self, queue: Queue) {
        let queue = Arc::new(queue);
        self.shared.queues.lock().insert(queue.name.clone(), Arc::clone(&queue));
        self.tasks.spawn(fetch(Arc::clone(&self.shared), queue));
    }

    /// Stops `queues`, commits and unlocks them. What could not be committed is returned.
    pub(super) async fn give_away(&mut self, queues: Vec<Arc<Queue>>) -> Vec<(MessageQueue, Error)> {
        let mut failed = Vec::new();
        for queue in &queues {
            queue.revoke().await;
            if let Err(error) = self.shared.commit(queue).await {
                failed.push((queue.name.clone(), error));
            }
        }
        if self.shared.config.locks() && !queues.is_empty() {
            let names: Vec<_> = queues.iter().map(|queue| queue.name.clone()).collect();
            self.shared.unlock(&names).await;
        }
        failed
    }

    fn tell(&mut self, note: Note) {
        if self.told.as_ref() != Some(&note) {
            self.shared.note(note.clone());
            self.told = Some(note);
        }
    }
}
