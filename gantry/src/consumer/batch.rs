//! Messages handed out, and their way back into the offsets.

use super::message::Message;
use super::queue::Queue;
use std::sync::Arc;
use tokio::sync::{Notify, oneshot};

/// Consecutive messages of one queue that passed the tag filter.
#[derive(Debug)]
pub struct Batch {
    messages: Vec<Message>,
    queue: Arc<Queue>,
    /// Where the queue goes on after all of them.
    next: i64,
    must_hold_lock: bool,
    claimed: bool,
    used: Option<oneshot::Sender<()>>,
    progress: Arc<Notify>,
}

impl Batch {
    /// A batch, and what completes when it is used. An error there means that it was dropped.
    pub(super) fn new(
        messages: Vec<Message>,
        queue: Arc<Queue>,
        next: i64,
        must_hold_lock: bool,
        progress: Arc<Notify>,
    ) -> (Self, oneshot::Receiver<()>) {
        let (used, when_used) = oneshot::channel();
        (
            Self { messages, queue, next, must_hold_lock, claimed: false, used: Some(used), progress },
            when_used,
        )
    }

    /// Takes the right to use the messages; until [`finish`](Self::finish) their queue is not given away. `None` when
    /// it was given away already: the messages are another member's.
    pub fn claim(&mut self) -> Option<&[Message]> {
        self.claimed = (!self.must_hold_lock || self.queue.is_locked()) && self.queue.claim();
        self.claimed.then_some(&self.messages)
    }

    /// The first `count` messages were used; the rest will be delivered again.
    pub fn finish(mut self, count: usize) {
        if !self.claimed {
            return;
        }
        self.claimed = false;
        let first_unused = self.messages.get(count);
        self.queue.release(Some(first_unused.map_or(self.next, |unused| unused.queue_offset)));
        // Not told, the fetching task starts over at the first unused one.
        if let Some(used) = self.used.take().filter(|_| first_unused.is_none()) {
            // It may have been stopped.
            let _ = used.send(());
        }
        self.progress.notify_one();
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if self.claimed {
            self.queue.release(None);
        }
    }
}
