//! SYNC mode: answers that wait for the disk.
//!
//! A connection's sends are stored in order, so its waiting answers are a queue ordered by their place in the log: when
//! the disk is safe up to some place, the front of the queue goes out. A flush wakes the connections whose front it makes safe.

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

/// Connections with waiting answers, each with the end of the message that its first one is about.
#[derive(Debug, Default)]
pub(crate) struct FlushWaiters(Mutex<Waiters>);

#[derive(Debug, Default)]
struct Waiters {
    waiting: Vec<(PhysicalOffset, Arc<Peer>)>,
    /// Whose messages had to be flushed last, to tell it from others.
    last: usize,
}

impl FlushWaiters {
    fn add(&self, peer: &Arc<Peer>, end: PhysicalOffset) {
        self.0.lock().waiting.push((end, Arc::clone(peer)));
    }

    /// Whether nobody waits and nobody else had something flushed since this connection had; until others have, it is the last.
    fn is_alone(&self, peer: &Arc<Peer>) -> bool {
        let mut waiters = self.0.lock();
        let own = Arc::as_ptr(peer).addr();
        std::mem::replace(&mut waiters.last, own) == own && waiters.waiting.is_empty()
    }

    /// Wakes those whose first message is on the disk.
    pub(crate) fn wake(&self, durable: PhysicalOffset) {
        let mut waiters = self.0.lock();
        let safe: Vec<_> = waiters.waiting.extract_if(.., |(end, _)| *end <= durable).collect();
        drop(waiters);
        safe.iter().for_each(|(_, peer)| peer.wake());
    }

    pub(crate) fn forget(&self, peer: &Arc<Peer>) {
        self.0.lock().waiting.retain(|(_, other)| !Arc::ptr_eq(other, peer));
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
    if broker.store.config().flush != FlushMode::Sync {
        receipt.answer(broker, out, to, ResponseCode::SUCCESS);
    } else if command.is_oneway() {
        // It needs no answer, so nobody waits.
        broker.store.flush_soon();
    } else {
        let deadline = Instant::now() + broker.config().sync_flush_timeout;
        session.unflushed.push_back(WaitingAnswer { to, deadline, receipt });
        session.is_flush_due = true;
    }
}

/// Brings what a turn's requests stored to the disk: together, and for a lone sender on this thread. The ways to the flusher's and
/// back take it longer than all else that the broker does for it. Other connections may have to wait meanwhile, as long as a disk that
/// is quick takes, and for one that is not after all until the watchdog sees it.
pub(crate) fn flush_requests(session: &mut BrokerSession, out: &mut Outbound) {
    if !std::mem::take(&mut session.is_flush_due) {
        return;
    }
    let store = &session.broker.store;
    if session.broker.flush_waiters.is_alone(&session.peer) {
        store.flush_here_if_quick()
    } else {
        store.flush_soon()
    }
    release_flushed(session, out);
}

/// Sends the answers whose messages are on the disk, and gives up those that waited too long.
pub(crate) fn release_flushed(session: &mut BrokerSession, out: &mut Outbound) {
    while !session.unflushed.is_empty() {
        let durable = session.broker.store.durable_end();
        answer_flushed(session, durable, out);
        let Some(first) = session.unflushed.front().map(|first| first.receipt.end) else { return };
        // The flusher takes a connection off its list when what it is there for is on the disk.
        if session.listed_for.is_some_and(|end| end > durable) {
            return;
        }
        session.broker.flush_waiters.add(&session.peer, first);
        session.listed_for = Some(first);
        // Once more: a flush may have fallen between the look and the list.
    }
}

fn answer_flushed(session: &mut BrokerSession, durable: PhysicalOffset, out: &mut Outbound) {
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
            answer.receipt.answer(&session.broker, out, answer.to, code);
        }
    }
}
