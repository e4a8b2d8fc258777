//! Which producers know the newest queues. A client that learned of them sends some of its keys there; one that keeps sending
//! only to the old ones may not have. The broker cannot ask: it can only see, and wait a while longer for those.

use gantry_remoting::server::Peer;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Messages to old queues, and none to a new one, after which a producer seems stale. One whose keys are spread over all
/// queues is taken for stale by mistake once in 2^16 times; one with few keys can be, and is waited for to be safe.
const SEEMS_STALE: u32 = 16;

/// Producers of one topic, by connection, while somebody watches.
#[derive(Debug, Default)]
pub(crate) struct Producers {
    watched: AtomicBool,
    /// Whoever sends to old queues only could know better by now.
    could_know: AtomicBool,
    seen: RwLock<HashMap<SocketAddr, Seen>>,
}

#[derive(Debug)]
struct Seen {
    peer: Arc<Peer>,
    /// It sent to a new queue.
    is_fresh: AtomicBool,
    /// Messages to old queues since it was last asked.
    sent: AtomicU32,
}

impl Seen {
    fn count(&self, to_new: bool) {
        // Stored only when it says something new: others read the same line.
        if to_new && !self.is_fresh.load(Ordering::Relaxed) {
            self.is_fresh.store(true, Ordering::Relaxed);
        }
        if self.sent.load(Ordering::Relaxed) < SEEMS_STALE {
            self.sent.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn is_stale(&self) -> bool {
        !self.is_fresh.load(Ordering::Relaxed) && self.sent.load(Ordering::Relaxed) >= SEEMS_STALE
    }
}

impl Producers {
    /// A message was sent to a queue that is new, or old. One load while nobody watches, and a lock that
    /// is shared but for a producer's first.
    pub(crate) fn sent(&self, peer: &Arc<Peer>, to_new: impl FnOnce() -> bool) {
        if !self.watched.load(Ordering::Relaxed) {
            return;
        }
        let to_new = to_new();
        if let Some(seen) = self.seen.read().get(&peer.addr()).filter(|seen| Arc::ptr_eq(&seen.peer, peer)) {
            return seen.count(to_new);
        }
        let seen = Seen { peer: Arc::clone(peer), is_fresh: AtomicBool::new(false), sent: AtomicU32::new(0) };
        seen.count(to_new);
        self.seen.write().insert(peer.addr(), seen);
    }

    /// Begins to watch, knowing nothing.
    pub(super) fn watch(&self) {
        self.seen.write().clear();
        self.could_know.store(false, Ordering::Relaxed);
        self.watched.store(true, Ordering::Relaxed);
    }

    pub(super) fn stop(&self) {
        self.watched.store(false, Ordering::Relaxed);
        self.seen.write().clear();
    }

    /// Counts anew: what was sent so far tells nothing, because nobody could know better.
    pub(super) fn count_anew(&self) {
        let mut all = self.seen.write();
        all.retain(|_, seen| !seen.peer.is_closed());
        all.values().for_each(|seen| seen.sent.store(0, Ordering::Relaxed));
        self.could_know.store(true, Ordering::Relaxed);
    }

    /// Producers that are connected and seem not to know the new queues; none before they could.
    pub(crate) fn stale(&self) -> Vec<SocketAddr> {
        if !self.could_know.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut all = self.seen.write();
        all.retain(|_, seen| !seen.peer.is_closed());
        let stale = all.iter().filter(|(_, seen)| seen.is_stale());
        let mut stale: Vec<_> = stale.map(|(addr, _)| *addr).collect();
        stale.sort();
        stale
    }
}
