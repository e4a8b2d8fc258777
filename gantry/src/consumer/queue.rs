//! One assigned queue: where it was read to, who may use what was read, and whether its lock is held.

use gantry_remoting::body::MessageQueue;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// A lock that was not renewed for this long is not relied on; the broker gives it away after 60 s.
const LOCK_VALID: Duration = Duration::from_secs(30);
/// How long the use of a batch may take when its queue has to be given away.
const PATIENCE: Duration = Duration::from_secs(3);
const UNKNOWN: i64 = -1;

/// State of one assigned queue, shared by the task that fetches, the user of its batches and the member.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: MessageQueue,
    stop: watch::Sender<bool>,
    /// Decides between using a batch and giving the queue away.
    gate: Mutex<Gate>,
    released: Notify,
    /// The next offset to be used: all before are.
    position: AtomicI64,
    committed: AtomicI64,
    /// Where the queue ended when it was assigned.
    end: AtomicI64,
    locked_until: Mutex<Option<Instant>>,
    lock_gained: Notify,
}

#[derive(Debug, Default)]
struct Gate {
    revoked: bool,
    in_use: bool,
}

impl Queue {
    pub(super) fn new(name: MessageQueue) -> Self {
        Self {
            name,
            stop: watch::Sender::new(false),
            gate: Mutex::default(),
            released: Notify::new(),
            position: AtomicI64::new(UNKNOWN),
            committed: AtomicI64::new(UNKNOWN),
            end: AtomicI64::new(UNKNOWN),
            locked_until: Mutex::default(),
            lock_gained: Notify::new(),
        }
    }

    /// Completes once the queue is given away.
    pub(super) async fn stopped(&self) {
        // The sender lives as long as this queue, so there is no error.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// Gives the queue away: nothing of it can be claimed any more. Waits for the batch in use.
    pub(super) async fn revoke(&self) {
        self.stop.send_replace(true);
        let released = async {
            loop {
                let released = self.released.notified();
                {
                    let mut gate = self.gate.lock();
                    gate.revoked = true;
                    if !gate.in_use {
                        return;
                    }
                }
                released.await;
            }
        };
        // Who takes longer will see these messages again elsewhere.
        let _ = tokio::time::timeout(PATIENCE, released).await;
    }

    /// The right to use a batch; `false` when the queue was given away.
    pub(super) fn claim(&self) -> bool {
        let mut gate = self.gate.lock();
        gate.in_use = !gate.revoked;
        gate.in_use
    }

    /// The batch was used up to `position`, or not at all.
    pub(super) fn release(&self, position: Option<i64>) {
        if let Some(position) = position {
            self.set_position(position);
        }
        self.gate.lock().in_use = false;
        self.released.notify_one();
    }

    /// The next offset to be used, once it is known.
    pub(super) fn position(&self) -> Option<i64> {
        Some(self.position.load(Ordering::Acquire)).filter(|position| *position >= 0)
    }

    pub(super) fn set_position(&self, position: i64) {
        self.position.store(position, Ordering::Release);
    }

    /// What the broker does not know yet.
    pub(super) fn uncommitted(&self) -> Option<i64> {
        self.position().filter(|position| *position != self.committed.load(Ordering::Acquire))
    }

    pub(super) fn set_committed(&self, offset: i64) {
        self.committed.store(offset, Ordering::Release);
    }

    pub(super) fn set_end(&self, end: i64) {
        self.end.store(end, Ordering::Release);
    }

    /// All that was there when the queue was assigned is used.
    pub(super) fn is_at_end(&self) -> bool {
        let end = self.end.load(Ordering::Acquire);
        end != UNKNOWN && self.position().is_some_and(|position| position >= end)
    }

    /// The broker gave us the lock on a request made at `asked`, or did not.
    pub(super) fn set_locked(&self, locked: bool, asked: Instant) {
        *self.locked_until.lock() = locked.then(|| asked + LOCK_VALID);
        if locked {
            self.lock_gained.notify_one();
        }
    }

    pub(super) fn is_locked(&self) -> bool {
        self.locked_until.lock().is_some_and(|until| until > Instant::now())
    }

    pub(super) async fn locked(&self) {
        while !self.is_locked() {
            self.lock_gained.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn queue() -> Arc<Queue> {
        Arc::new(Queue::new(MessageQueue::default()))
    }

    #[tokio::test]
    async fn a_queue_that_was_given_away_cannot_be_claimed() {
        let queue = queue();
        assert!(queue.claim());
        queue.release(Some(5));
        queue.revoke().await;
        queue.stopped().await;
        assert!(!queue.claim());
        assert_eq!(queue.position(), Some(5));
    }

    #[tokio::test]
    async fn giving_away_waits_for_the_batch_in_use() {
        let queue = queue();
        assert!(queue.claim());
        let revoking = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move {
                queue.revoke().await;
                queue.position()
            }
        });
        tokio::task::yield_now().await;
        queue.release(Some(7));
        assert_eq!(revoking.await.unwrap(), Some(7), "what was used meanwhile counts");
    }

    #[test]
    fn the_end_is_what_it_was_at_the_start() {
        let queue = queue();
        assert!(!queue.is_at_end());
        queue.set_position(3);
        assert!(!queue.is_at_end(), "the end is not known");
        queue.set_end(4);
        assert!(!queue.is_at_end());
        queue.set_position(4);
        assert!(queue.is_at_end());
    }

    #[test]
    fn only_news_are_committed() {
        let queue = queue();
        assert_eq!(queue.uncommitted(), None);
        queue.set_position(3);
        assert_eq!(queue.uncommitted(), Some(3));
        queue.set_committed(3);
        assert_eq!(queue.uncommitted(), None);
        queue.set_position(2);
        assert_eq!(queue.uncommitted(), Some(2), "an offset that was reset goes back");
    }

    #[test]
    fn a_lock_is_not_relied_on_for_long() {
        let queue = queue();
        assert!(!queue.is_locked());
        queue.set_locked(true, Instant::now());
        assert!(queue.is_locked());
        queue.set_locked(false, Instant::now());
        assert!(!queue.is_locked());
        if let Some(old) = Instant::now().checked_sub(Duration::from_secs(31)) {
            queue.set_locked(true, old);
            assert!(!queue.is_locked());
        }
    }
}
