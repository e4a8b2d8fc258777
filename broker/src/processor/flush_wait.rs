//! SYNC mode: answers that wait for the disk.
//!
//! A connection's sends are stored in order, so its waiting answers are a queue ordered by their place in the log: when
//! the disk is safe up to some place, the front of the queue goes out. The flusher wakes each waiting connection once.

use crate::broker::Broker;
use crate::session::BrokerSession;
use gantry_remoting::reply::{Answer, Outbound, ReplyTo};
use gantry_remoting::server::Peer;
use gantry_remoting::{Command, ResponseCode};
use gantry_store::{FlushMode, PhysicalOffset};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Instant;

use super::send::{Stored, answer_send};

/// What an answer says that something was stored.
pub(super) struct Receipt {
    /// The log has to be safe up to here.
    pub(super) end: PhysicalOffset,
    /// The fields of a send's answer; others have none.
    pub(super) stored: Option<Stored>,
}

/// A receipt that waits.
pub(crate) struct WaitingAnswer {
    to: ReplyTo,
    pub(crate) deadline: Instant,
    receipt: Receipt,
}

impl Receipt {
    pub(super) fn answer(&self, broker: &Broker, out: &mut Outbound, to: ReplyTo, code: ResponseCode) {
        match &self.stored {
            Some(stored) => answer_send(broker, out, to, code, stored),
            None if code == ResponseCode::SUCCESS => out.answer(to, &Answer::ok()),
            None => out.refuse(to, code, "flush disk timeout"),
        }
    }
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

/// Answers now, or in SYNC mode when the disk has it.
pub(super) fn answer_when_safe(
    session: &mut BrokerSession,
    command: &Command<'_>,
    out: &mut Outbound,
    receipt: Receipt,
) {
    let (broker, to) = (&session.broker, command.reply_to());
    // A oneway request needs no answer, so nobody waits.
    if broker.store.config().flush == FlushMode::Sync && !command.is_oneway() {
        let deadline = Instant::now() + broker.config().sync_flush_timeout;
        wait_for_flush(session, WaitingAnswer { to, deadline, receipt });
    } else {
        receipt.answer(broker, out, to, ResponseCode::SUCCESS);
    }
}

/// Lets an answer wait for the disk.
fn wait_for_flush(session: &mut BrokerSession, answer: WaitingAnswer) {
    session.unflushed.push_back(answer);
    if !session.waits_for_flush {
        session.waits_for_flush = true;
        session.broker.flush_waiters.add(&session.peer);
        // It may have been flushed before we were on the list.
        if session
            .unflushed
            .front()
            .is_some_and(|front| front.receipt.end <= session.broker.store.durable_end())
        {
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
        let code = if front.receipt.end <= durable {
            ResponseCode::SUCCESS
        } else if front.deadline <= now {
            ResponseCode::FLUSH_DISK_TIMEOUT
        } else {
            break;
        };
        if let Some(answer) = session.unflushed.pop_front() {
            answer.receipt.answer(broker, out, answer.to, code);
        }
    }
}
