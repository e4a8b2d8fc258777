//! Which producers know the newest queues. A client that learned of them sends some of its keys there; one that keeps sending
//! only to the old ones may not have. The broker cannot ask: it can only see, and wait a while longer for those.

use gantry_remoting::server::Peer;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Messages to old queues, and none to a new one, after which a producer seems stale. One whose keys are spread over all
/// queues is taken for stale by mistake once in 2^16 times; one with few keys can be, and is waited for to be safe.
const SEEMS_STALE: u32 = 16;

/// Producers of one topic, by connection, while somebody watches.
#[derive(Debug, Default)]
pub(crate) struct Producers {
    watched: AtomicBool,
    /// Whoever sends to old queues only could know better by now.
    could_know: AtomicBool,
    seen: Mutex<HashMap<SocketAddr, Seen>>,
}

#[derive(Debug)]
struct Seen {
    peer: Arc<Peer>,
    /// It sent to a new queue.
    is_fresh: bool,
    /// Messages to old queues since it was last asked.
    sent: u32,
}

impl Producers {
    /// A message was sent to a queue that is new, or old. One load while nobody watches.
    pub(crate) fn sent(&self, peer: &Arc<Peer>, to_new: impl FnOnce() -> bool) {
        if !self.watched.load(Ordering::Relaxed) {
            return;
        }
        let to_new = to_new();
        let mut all = self.seen.lock();
        let seen = all.entry(peer.addr()).or_insert_with(|| Seen {
            peer: Arc::clone(peer),
            is_fresh: false,
            sent: 0,
        });
        if !Arc::ptr_eq(&seen.peer, peer) {
            *seen = Seen { peer: Arc::clone(peer), is_fresh: false, sent: 0 };
        }
        seen.is_fresh |= to_new;
        seen.sent = seen.sent.saturating_add(1);
    }

    /// Begins to watch, knowing nothing.
    pub(super) fn watch(&self) {
        self.seen.lock().clear();
        self.could_know.store(false, Ordering::Relaxed);
        self.watched.store(true, Ordering::Relaxed);
    }

    pub(super) fn stop(&self) {
        self.watched.store(false, Ordering::Relaxed);
        self.seen.lock().clear();
    }

    /// Counts anew: what was sent so far tells nothing, because nobody could know better.
    pub(super) fn count_anew(&self) {
        let mut all = self.seen.lock();
        all.retain(|_, seen| !seen.peer.is_closed());
        all.values_mut().for_each(|seen| seen.sent = 0);
        self.could_know.store(true, Ordering::Relaxed);
    }

    /// Producers that are connected and seem not to know the new queues; none before they could.
    pub(crate) fn stale(&self) -> Vec<SocketAddr> {
        if !self.could_know.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut all = self.seen.lock();
        all.retain(|_, seen| !seen.peer.is_closed());
        let stale = all.iter().filter(|(_, seen)| !seen.is_fresh && seen.sent >= SEEMS_STALE);
        let mut stale: Vec<_> = stale.map(|(addr, _)| *addr).collect();
        stale.sort();
        stale
    }
}
