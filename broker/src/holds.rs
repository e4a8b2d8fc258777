//! Long polling: pulls that wait for their queue's next message.
//!
//! Each queue has its own list, looked at only when a message arrives there. A hold that is due is put into its
//! connection's inbox and the connection is woken; it runs the pull again on its own task, so that a consumer never waits
//! for another. Time limits are kept in buckets of a second, not in timers.

use crate::asked::Asked;
use crate::filter::Filter;
use crate::pop::PopHold;
use arc_swap::{ArcSwapOption, Guard};
use gantry_remoting::reply::ReplyTo;
use gantry_remoting::server::Peer;
use gantry_store::{QueueOffset, Select as _};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How often a hold is looked at whose queue got messages that it does not want: Apache's period. It then answers with
/// the advanced offset, so that a filtered reader does not fall behind for ever.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A pull that waits.
#[derive(Debug)]
pub(crate) struct Hold {
    pub(crate) pull: HeldPull,
    pub(crate) offset: QueueOffset,
    pub(crate) filter: Filter,
    /// It waits for a gate, not for messages.
    gated: bool,
    deadline: Instant,
    inbox: Arc<Inbox>,
    taken: AtomicBool,
}

/// What is needed to run the pull again.
#[derive(Clone, Debug)]
pub(crate) struct HeldPull {
    pub(crate) to: ReplyTo,
    pub(crate) group: Box<str>,
    pub(crate) topic: Box<str>,
    pub(crate) queue_id: i32,
    pub(crate) max_messages: i32,
    /// It came with the consumer's filter, instead of with a name that stands for it.
    pub(crate) has_subscription: bool,
}

/// Where a connection finds the holds that are due.
#[derive(Debug)]
pub(crate) struct Inbox {
    peer: Arc<Peer>,
    due: Mutex<Vec<Arc<Hold>>>,
    due_pops: Mutex<Vec<Arc<PopHold>>>,
}

impl Inbox {
    pub(crate) fn new(peer: Arc<Peer>) -> Self {
        Self { peer, due: Mutex::default(), due_pops: Mutex::default() }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.peer.is_closed()
    }

    /// A pop is due; false when the connection is gone.
    pub(crate) fn pop_is_due(&self, hold: Arc<PopHold>) -> bool {
        if self.is_closed() {
            return false;
        }
        self.due_pops.lock().push(hold);
        self.peer.wake();
        true
    }

    pub(crate) fn take_pops(&self) -> Vec<Arc<PopHold>> {
        std::mem::take(&mut *self.due_pops.lock())
    }

    pub(crate) fn take(&self) -> Vec<Arc<Hold>> {
        std::mem::take(&mut *self.due.lock())
    }
}

impl Hold {
    pub(crate) fn new(
        pull: HeldPull,
        offset: QueueOffset,
        filter: Filter,
        deadline: Instant,
        inbox: Arc<Inbox>,
    ) -> Self {
        Self { pull, offset, filter, gated: false, deadline, inbox, taken: AtomicBool::new(false) }
    }

    /// One that messages do not wake: their group may not have them yet.
    pub(crate) fn gated(self) -> Self {
        Self { gated: true, ..self }
    }

    /// The same, to be woken once more.
    pub(crate) fn again(&self) -> Self {
        let Self { pull, offset, filter, deadline, inbox, .. } = self;
        Self::new(pull.clone(), *offset, filter.clone(), *deadline, Arc::clone(inbox))
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.deadline <= now
    }

    /// Hands the hold to its connection, once.
    fn wake(self: &Arc<Self>) {
        if !self.taken.swap(true, Ordering::AcqRel) && !self.inbox.peer.is_closed() {
            self.inbox.due.lock().push(Arc::clone(self));
            self.inbox.peer.wake();
        }
    }

    fn is_over(&self) -> bool {
        self.taken.load(Ordering::Acquire) || self.inbox.peer.is_closed()
    }
}

/// What a queue knows of those who read it: who waits, and up to where groups asked. There may be very many queues that nobody
/// reads: for those it is small.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    any_waits: AtomicBool,
    known: ArcSwapOption<Known>,
}

#[derive(Debug, Default)]
struct Known {
    waiting: Mutex<Vec<Arc<Hold>>>,
    asked: Asked,
}

impl Readers {
    fn known(&self) -> Guard<Option<Arc<Known>>> {
        let known = self.known.load();
        if known.is_some() {
            return known;
        }
        self.known.compare_and_swap(&known, Some(Arc::default()));
        self.known.load()
    }

    /// A group asks for messages from `offset` on.
    pub(crate) fn ask(&self, group: &str, offset: QueueOffset) {
        if let Some(known) = &*self.known() {
            known.asked.note(group, offset);
        }
    }

    /// Where a group asked last; `None` when it never did.
    pub(crate) fn asked(&self, group: &str) -> Option<QueueOffset> {
        self.known.load().as_ref()?.asked.of(group)
    }

    /// Adds a hold. The caller then looks at the queue once more: a message may have come just before.
    pub(crate) fn add(&self, hold: Arc<Hold>) {
        if let Some(known) = &*self.known() {
            let mut waiting = known.waiting.lock();
            waiting.push(hold);
            self.any_waits.store(true, Ordering::SeqCst);
        }
    }

    /// A message with this tag code can be read: wakes those who want it. One load when nobody waits.
    pub(crate) fn arrived(&self, tag_code: i64) {
        if self.any_waits.load(Ordering::SeqCst) {
            self.wake(|hold| !hold.gated && hold.filter.wants_tag(tag_code));
        }
    }

    /// Wakes everybody: they will be told why.
    pub(crate) fn wake_all(&self) {
        self.wake(|_| true);
    }

    /// Wakes those for whom the queue's end is beyond what they asked for.
    pub(crate) fn wake_behind(&self, max: QueueOffset) {
        if self.any_waits.load(Ordering::SeqCst) {
            self.wake(|hold| !hold.gated && hold.offset < max);
        }
    }

    /// Wakes those of a group that wait for a gate.
    pub(crate) fn wake_gated(&self, group: &str) {
        if self.any_waits.load(Ordering::SeqCst) {
            self.wake(|hold| hold.gated && *hold.pull.group == *group);
        }
    }

    fn wake(&self, due: impl Fn(&Hold) -> bool) {
        let known = self.known.load();
        let Some(known) = &*known else { return };
        let mut waiting = known.waiting.lock();
        waiting.retain(|hold| {
            if hold.is_over() {
                return false;
            }
            let due = due(hold);
            if due {
                hold.wake();
            }
            !due
        });
        self.any_waits.store(!waiting.is_empty(), Ordering::SeqCst);
    }
}

/// When which hold has to be looked at, in buckets of a second.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    buckets: Mutex<BTreeMap<u64, Vec<Weak<Hold>>>>,
}

impl Timeline {
    /// Adds a hold for its next look.
    pub(crate) fn add(&self, hold: &Arc<Hold>, start: Instant, now: Instant) {
        let at = hold.deadline.min(now + LOOK_EVERY);
        // Rounded up: nobody is answered before the time it asked for.
        let second = at.saturating_duration_since(start).as_millis().div_ceil(1000) as u64;
        self.buckets.lock().entry(second).or_default().push(Arc::downgrade(hold));
    }

    /// Looks at the holds whose time has come: wakes those past their deadline, and those that `is_behind`; the others
    /// come back later. Called about once a second.
    pub(crate) fn tick(&self, start: Instant, now: Instant, is_behind: impl Fn(&Hold) -> bool) {
        let second = now.saturating_duration_since(start).as_secs();
        let due = {
            let mut buckets = self.buckets.lock();
            let later = buckets.split_off(&(second + 1));
            std::mem::replace(&mut *buckets, later)
        };
        for hold in due.into_values().flatten().filter_map(|hold| hold.upgrade()) {
            if hold.is_over() {
                continue;
            }
            if hold.deadline <= now || (!hold.gated && is_behind(&hold)) {
                hold.wake();
            } else {
                self.add(&hold, start, now);
            }
        }
    }
}
