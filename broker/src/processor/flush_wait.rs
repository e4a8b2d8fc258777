//! SYNC mode: answers that wait for the disk.
//!
//! A connection's sends are stored in order, so its waiting answers are a queue ordered by their place in the log: when
//! the disk is safe up to some place, the front of the queue goes out. The flusher wakes each waiting connection once.

use crate::broker::Broker;
use crate::session::BrokerSession;
use gantry_remoting::ResponseCode;
use gantry_remoting::reply::{Outbound, ReplyTo};
use gantry_remoting::server::Peer;
use gantry_store::PhysicalOffset;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Instant;

use super::send::{Stored, answer_send};

/// A stored message whose answer waits.
pub(crate) struct SendReceipt {
    pub(crate) to: ReplyTo,
    pub(crate) end: PhysicalOffset,
    pub(crate) deadline: Instant,
    pub(crate) stored: Stored,
}

/// Connections with waiting answers.
#[derive(Debug, Default)]
pub(crate) struct FlushWaiters {
    peers: Mutex<Vec<Arc<Peer>>>,
}

impl FlushWaiters {
    pub(crate) fn add(&self, peer: &Arc<Peer>) {
        self.peers.lock().push(Arc::clone(peer));
    }

    /// Wakes all of them; those that still wait put themselves on the list again.
    pub(crate) fn wake(&self) {
        let peers = std::mem::take(&mut *self.peers.lock());
        peers.iter().for_each(|peer| peer.wake());
    }

    pub(crate) fn forget(&self, peer: &Arc<Peer>) {
        self.peers.lock().retain(|other| !Arc::ptr_eq(other, peer));
    }
}

/// Lets an answer wait for the disk.
pub(super) fn wait_for_flush(session: &mut BrokerSession, receipt: SendReceipt) {
    session.unflushed.push_back(receipt);
    if !session.waits_for_flush {
        session.waits_for_flush = true;
        session.broker.flush_waiters.add(&session.peer);
        // It may have been flushed before we were on the list.
        if session.unflushed.front().is_some_and(|front| front.end <= session.broker.store.durable_end()) {
            session.peer.wake();
        }
    }
}

/// Sends the answers whose messages are on the disk, and gives up those that waited too long.
pub(crate) fn release_flushed(session: &mut BrokerSession, out: &mut Outbound) {
    if session.unflushed.is_empty() {
        session.waits_for_flush = false;
        return;
    }
    let broker: &Broker = &Arc::clone(&session.broker);
    // On the list before the look, so that no flush falls between the two.
    broker.flush_waiters.add(&session.peer);
    session.waits_for_flush = true;
    let durable = broker.store.durable_end();
    let now = Instant::now();
    while let Some(front) = session.unflushed.front() {
        let code = if front.end <= durable {
            ResponseCode::SUCCESS
        } else if front.deadline <= now {
            ResponseCode::FLUSH_DISK_TIMEOUT
        } else {
            break;
        };
        if let Some(receipt) = session.unflushed.pop_front() {
            answer_send(broker, out, receipt.to, code, &receipt.stored);
        }
    }
}
