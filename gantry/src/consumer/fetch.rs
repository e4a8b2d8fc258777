//! The task that fetches one queue: finds where to start, pulls, and hands batches out one ahead of their use.

use super::batch::Batch;
use super::message::decode;
use super::note::{Note, name_of};
use super::position::Position;
use super::pull::{PULL_TIMEOUT, Pull, Pulled};
use super::queue::Queue;
use super::shared::Shared;
use crate::client::{Access, Backoff, Error};
use crate::route::MASTER;
use bytes::Bytes;
use gantry_remoting::RequestCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::sleep;

/// A broker that is busy is asked again this soon (Apache: `PULL_TIME_DELAY_MILLS_WHEN_BROKER_FLOW_CONTROL`).
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// After trouble: the first pause, and the longest (Apache's only one).
const TROUBLE_PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(3));

/// Fetches `queue` until it is given away.
pub(super) async fn fetch(shared: Arc<Shared>, queue: Arc<Queue>) {
    let stopped = queue.stopped();
    let fetcher = Fetcher {
        shared: &shared,
        queue: &queue,
        read_from: MASTER,
        in_use: None,
        backoff: Backoff::new(TROUBLE_PAUSE.0, TROUBLE_PAUSE.1),
    };
    tokio::select! {
        () = stopped => {}
        () = fetcher.run() => {}
    }
}

struct Fetcher<'a> {
    shared: &'a Arc<Shared>,
    queue: &'a Arc<Queue>,
    /// The broker id that the broker suggested to read from.
    read_from: i64,
    /// Completes when the batch that was handed out last is used.
    in_use: Option<oneshot::Receiver<()>>,
    backoff: Backoff,
}

/// The consumer took its hands off: nobody will use anything any more.
struct Gone;

impl Fetcher<'_> {
    async fn run(mut self) {
        let mut offset = self.start().await;
        loop {
            if self.shared.config.locks() && !self.queue.is_locked() {
                self.in_use = None;
                offset = self.start_over().await;
            }
            let asked = Instant::now();
            let pulled = self.pull(offset).await;
            if !self.previous_is_used().await {
                offset = self.start_over().await;
                continue;
            }
            match self.react(pulled, offset, asked).await {
                Ok(next) => offset = next,
                Err(Gone) => return,
            }
        }
    }

    /// Finds the place to start, and the end if it matters, as long as it takes.
    async fn start(&mut self) -> i64 {
        loop {
            match self.locate().await {
                Ok(offset) => {
                    self.all_is_well();
                    self.shared.progress.notify_one();
                    return offset;
                }
                Err(error) => self.pause(&error).await,
            }
        }
    }

    async fn locate(&self) -> Result<i64, Error> {
        let name = &self.queue.name;
        let position = self.shared.locate(name).await?;
        if self.shared.config.until_end {
            self.queue.set_end(self.shared.max_offset(name).await?);
        }
        let offset = match position {
            Position::Committed(offset) => {
                self.queue.set_committed(offset);
                offset
            }
            Position::Chosen(offset) => offset,
        };
        self.queue.set_position(offset);
        Ok(offset)
    }

    /// What was handed out was not used, or not all of it. If the lock was lost, another member may have gone on meanwhile.
    async fn start_over(&mut self) -> i64 {
        if self.shared.config.locks() && !self.queue.is_locked() {
            self.shared.note(Note::WaitingForLocks { queues: 1 });
            self.queue.locked().await;
        }
        let mut offset = self.queue.position().unwrap_or(0);
        if self.shared.config.locks()
            && let Ok(Some(theirs)) = self.shared.committed(&self.queue.name).await
        {
            offset = offset.max(theirs);
            self.queue.set_position(offset);
        }
        offset
    }

    /// False when the batch that was handed out last was dropped without use.
    async fn previous_is_used(&mut self) -> bool {
        match self.in_use.take() {
            Some(in_use) => in_use.await.is_ok(),
            None => true,
        }
    }

    async fn pull(&self, offset: i64) -> Result<Pulled, Error> {
        let name = &self.queue.name;
        let topology = self.shared.routes.existing(&name.topic).await?;
        let (_, addr) = topology
            .reader(&name.broker_name, self.read_from)
            .ok_or_else(|| Error::NoQueue { topic: name.topic.clone(), access: Access::Read })?;
        let subscription = self.shared.filter(&name.topic).to_string();
        let pull = Pull {
            group: &self.shared.config.group,
            queue: name,
            offset,
            subscription: &subscription,
            sub_version: self.shared.sub_version,
        };
        let connection = self.shared.links.connect(addr, self.shared.config.timeout).await?;
        let answer = connection.request(pull.command(), PULL_TIMEOUT).await?;
        Pulled::read(answer, addr)
    }

    /// Acts on an answer; where to go on.
    async fn react(
        &mut self,
        pulled: Result<Pulled, Error>,
        offset: i64,
        asked: Instant,
    ) -> Result<i64, Gone> {
        match pulled {
            Ok(Pulled::Messages { records, next, read_from }) => {
                self.read_from = read_from;
                self.deliver(&records, offset, next).await
            }
            Ok(Pulled::Nothing { next, read_from }) => {
                self.read_from = read_from;
                self.all_is_well();
                self.move_to(next);
                if next == offset && asked.elapsed() < BUSY_PAUSE {
                    // Neither held nor advanced: do not spin.
                    sleep(BUSY_PAUSE).await;
                }
                Ok(next)
            }
            Ok(Pulled::Moved { to }) => {
                // Asking a group that starts at 0 of an empty queue is no news.
                if to != offset {
                    self.shared.note(Note::OffsetMoved { queue: self.queue.name.clone(), from: offset, to });
                } else {
                    sleep(BUSY_PAUSE).await;
                }
                self.move_to(to);
                if let Err(error) = self.shared.commit(self.queue).await {
                    tracing::debug!(queue = ?self.queue.name, %error, "cannot commit a corrected offset");
                }
                Ok(to)
            }
            Ok(Pulled::Busy) => {
                sleep(BUSY_PAUSE).await;
                Ok(offset)
            }
            Err(error) => {
                self.pause(&error).await;
                Ok(offset)
            }
        }
    }

    async fn deliver(&mut self, records: &Bytes, offset: i64, next: i64) -> Result<i64, Gone> {
        let mut messages = match decode(records, &self.queue.name) {
            Ok(messages) => messages,
            Err(error) => {
                let what = format!("the messages from offset {offset} on: {error}");
                let request = RequestCode::PULL_MESSAGE;
                self.pause(&Error::BadAnswer { addr: name_of(&self.queue.name), request, what }).await;
                return Ok(offset);
            }
        };
        self.all_is_well();
        // The broker compares hashes, and starts where it finds fit.
        let filter = self.shared.filter(&self.queue.name.topic);
        messages.retain(|message| message.queue_offset >= offset && filter.matches(message.tag.as_deref()));
        if messages.is_empty() {
            self.move_to(next);
            return Ok(next);
        }
        let progress = Arc::clone(&self.shared.progress);
        let (batch, used) =
            Batch::new(messages, Arc::clone(self.queue), next, self.shared.config.locks(), progress);
        self.shared.batches.send(batch).await.map_err(|_| Gone)?;
        self.in_use = Some(used);
        Ok(next)
    }

    /// Nothing before `offset` is left to be used.
    fn move_to(&self, offset: i64) {
        self.queue.set_position(offset);
        self.shared.progress.notify_one();
    }

    async fn pause(&mut self, error: &Error) {
        self.shared.trouble_with(&self.queue.name, error);
        sleep(self.backoff.pause()).await;
    }

    fn all_is_well(&mut self) {
        self.shared.all_is_well_with(&self.queue.name);
        self.backoff.reset();
    }
}
