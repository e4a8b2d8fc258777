//! Pops that wait for a message of any queue of their topic (Apache: `PopLongPollingService`).
//!
//! A message wakes one of each group, and whoever leaves messages behind wakes the next: a thousand consumers that wait do not
//! all run for one message.

use super::request::Pop;
use crate::holds::Inbox;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// A pop that waits.
#[derive(Debug)]
pub(crate) struct PopHold {
    pub(crate) pop: Pop,
    pub(crate) deadline: Instant,
    inbox: Arc<Inbox>,
    taken: AtomicBool,
}

impl PopHold {
    pub(crate) fn new(pop: Pop, deadline: Instant, inbox: Arc<Inbox>) -> Self {
        Self { pop, deadline, inbox, taken: AtomicBool::new(false) }
    }

    /// Hands it to its connection, once; false when that was done, or nobody would be there.
    fn wake(self: &Arc<Self>) -> bool {
        !self.taken.swap(true, Ordering::AcqRel) && self.inbox.pop_is_due(Arc::clone(self))
    }

    fn is_over(&self) -> bool {
        self.taken.load(Ordering::Acquire) || self.inbox.is_closed()
    }
}

type Groups = HashMap<Box<str>, VecDeque<Arc<PopHold>>>;

/// Pops that wait, by topic and group.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    count: AtomicUsize,
    topics: Mutex<HashMap<Box<str>, Groups>>,
}

impl Waiting {
    /// Adds a pop. The caller then looks once more: a message may have come just before.
    pub(crate) fn add(&self, hold: PopHold) {
        let hold = Arc::new(hold);
        let mut topics = self.topics.lock();
        let groups = topics.entry(hold.pop.topic.clone()).or_default();
        groups.entry(hold.pop.group.clone()).or_default().push_back(hold);
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// True while nobody waits: one load.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// A message came to a queue of `topic`.
    pub(crate) fn arrived(&self, topic: &str, queue: i32) {
        self.wake(topic, |_, hold| hold.pop.is_for(queue));
    }

    /// There is something for `group` in a queue of `topic`, or may be.
    pub(crate) fn look(&self, topic: &str, group: &str, queue: i32) {
        self.wake(topic, |of, hold| of == group && hold.pop.is_for(queue));
    }

    /// Wakes the first that it is for, of each group.
    fn wake(&self, topic: &str, is_for: impl Fn(&str, &PopHold) -> bool) {
        if self.is_empty() {
            return;
        }
        let mut topics = self.topics.lock();
        let Some(groups) = topics.get_mut(topic) else { return };
        groups.retain(|group, holds| {
            let before = holds.len();
            while let Some(n) = holds.iter().position(|hold| hold.is_over() || is_for(group, hold)) {
                if holds.remove(n).is_some_and(|hold| hold.wake()) {
                    break;
                }
            }
            self.count.fetch_sub(before - holds.len(), Ordering::SeqCst);
            !holds.is_empty()
        });
        if groups.is_empty() {
            topics.remove(topic);
        }
    }

    /// Wakes those whose time is over, and of each group the first, if it `may_have` something. Called about once a second.
    pub(crate) fn tick(&self, now: Instant, may_have: impl Fn(&Pop) -> bool) {
        if self.is_empty() {
            return;
        }
        // Whoever acknowledges has a lock that `may_have` needs, and wakes.
        let first: Vec<_> = {
            let topics = self.topics.lock();
            topics.values().flat_map(|groups| groups.values()).filter_map(VecDeque::front).cloned().collect()
        };
        for hold in first {
            if may_have(&hold.pop) {
                hold.wake();
            }
        }
        self.topics.lock().retain(|_, groups| {
            groups.retain(|_, holds| {
                let before = holds.len();
                holds.retain(|hold| {
                    if hold.deadline <= now {
                        hold.wake();
                    }
                    !hold.is_over()
                });
                self.count.fetch_sub(before - holds.len(), Ordering::SeqCst);
                !holds.is_empty()
            });
            !groups.is_empty()
        });
    }
}
