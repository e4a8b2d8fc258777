//! Joining, staying and leaving.

use super::batch::Batch;
use super::config::Config;
use super::note::{Note, name_of};
use super::rebalance::Rebalancer;
use super::shared::Shared;
use crate::client::{Access, Error};
use crate::route::NameServers;
use gantry_message::name;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

const HEARTBEAT: Duration = Duration::from_secs(30);
/// More often than Java's 5 s: who is killed repeats the less.
const COMMIT: Duration = Duration::from_secs(1);
const RENEW_LOCKS: Duration = Duration::from_secs(20);
const REBALANCE: Duration = Duration::from_secs(20);
/// When something was left to do, and for noticing broken connections.
const SOON: Duration = Duration::from_secs(1);
/// How long a topic may be on its way to the name server.
const JUST_MADE: Duration = Duration::from_millis(500);
/// The most that leaving may take.
const LEAVE: Duration = Duration::from_secs(10);

/// A member of a consumer group.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    batches: mpsc::Receiver<Batch>,
    notes: mpsc::Receiver<Note>,
    stop: watch::Sender<bool>,
    member: JoinHandle<Left>,
}

/// What a member hands out.
#[derive(Debug)]
pub enum Event {
    /// Messages to use.
    Batch(Batch),
    /// Something to know.
    Note(Note),
    /// All that was there when the queues were assigned is used; only with [`Config::until_end`].
    AtEnd,
}

/// How leaving went.
#[derive(Debug, Default)]
pub struct Left {
    /// Queue and reason, for each offset that the broker does not have: its last messages will be delivered again.
    pub uncommitted: Vec<(String, String)>,
}

impl Consumer {
    /// Joins the group. Fails at once where Java's consumer would keep trying: a person is waiting.
    ///
    /// # Errors
    /// Bad names, no name server, no such topic, nothing to read in it, or no broker that takes us.
    pub async fn join(config: Config, name_servers: NameServers) -> Result<Self, Error> {
        name::check_topic(&config.topic)?;
        name::check_group(&config.group)?;
        let (to_user, batches) = mpsc::channel(16);
        let (to_tell, notes) = mpsc::channel(64);
        let shared = Arc::new(Shared::new(config, name_servers, to_user, to_tell));
        let topology = match shared.topology().await {
            Err(Error::UnknownTopic { .. }) => {
                // A first message may have made it just now, and the name server is about to hear of it.
                tokio::time::sleep(JUST_MADE).await;
                match shared.topology().await {
                    Err(unknown @ Error::UnknownTopic { .. }) => {
                        return Err(shared.routes.name_servers().why_unknown(unknown).await);
                    }
                    other => other?,
                }
            }
            other => other?,
        };
        if topology.readable.is_empty() {
            return Err(Error::NoQueue { topic: shared.config.topic.clone(), access: Access::Read });
        }
        shared.beat(false).await?;
        let (stop, stopped) = watch::channel(false);
        let member = Member { rebalancer: Rebalancer::new(Arc::clone(&shared)), shared: Arc::clone(&shared) };
        let member = tokio::spawn(member.run(stopped));
        Ok(Self { shared, batches, notes, stop, member })
    }

    /// What it was told before it joined.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Who we are to the brokers.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.shared.client_id
    }

    /// The next thing that happens.
    pub async fn next(&mut self) -> Event {
        loop {
            let progress = self.shared.progress.notified();
            if self.shared.config.until_end && self.notes.is_empty() && self.shared.is_at_end() {
                return Event::AtEnd;
            }
            tokio::select! {
                biased;
                Some(note) = self.notes.recv() => return Event::Note(note),
                Some(batch) = self.batches.recv() => return Event::Batch(batch),
                () = progress => {}
            }
        }
    }

    /// Stops fetching, commits what was used, gives back locks and says good-bye.
    pub async fn leave(self) -> Left {
        // Batches that were not used are dropped with their channel.
        drop(self.batches);
        self.stop.send_replace(true);
        match tokio::time::timeout(LEAVE, self.member).await {
            Ok(Ok(left)) => left,
            Ok(Err(_)) | Err(_) => {
                Left { uncommitted: vec![("all queues".into(), "the brokers did not answer in time".into())] }
            }
        }
    }
}

struct Member {
    shared: Arc<Shared>,
    rebalancer: Rebalancer,
}

async fn until(stop: &mut watch::Receiver<bool>) {
    // An error means that the consumer was dropped.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick comes at once.
    interval.reset();
    interval
}

impl Member {
    async fn run(mut self, mut stop: watch::Receiver<bool>) -> Left {
        let (mut heartbeat, mut commit, mut locks, mut look) =
            (every(HEARTBEAT), every(COMMIT), every(RENEW_LOCKS), every(SOON));
        let mut rebalance_at = Instant::now();
        let asked = Arc::clone(&self.shared.rebalance);
        loop {
            tokio::select! {
                () = until(&mut stop) => break,
                () = asked.notified() => rebalance_at = Instant::now(),
                () = sleep_until(rebalance_at) => {
                    let complete = self.rebalancer.rebalance().await;
                    rebalance_at = Instant::now() + if complete { REBALANCE } else { SOON };
                }
                _ = heartbeat.tick() => self.beat(false).await,
                _ = look.tick() => self.beat(true).await,
                _ = locks.tick(), if self.shared.config.locks() => self.shared.renew_locks().await,
                _ = commit.tick() => self.shared.commit_all().await,
            }
        }
        self.leave().await
    }

    async fn beat(&self, only_new: bool) {
        match self.shared.beat(only_new).await {
            // A broker that did not know us may have given our queues to others.
            Ok(count) if only_new && count > 0 => self.shared.rebalance.notify_one(),
            Ok(_) => {}
            // The queues of that broker report their trouble themselves.
            Err(error) => tracing::debug!(%error, "heartbeat failed"),
        }
    }

    async fn leave(mut self) -> Left {
        let queues = std::mem::take(&mut *self.shared.queues.lock()).into_values().collect();
        let failed = self.rebalancer.give_away(queues).await;
        self.shared.unregister().await;
        let uncommitted =
            failed.into_iter().map(|(queue, error)| (name_of(&queue), error.to_string())).collect();
        Left { uncommitted }
    }
}
