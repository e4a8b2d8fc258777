//! The far end of a connection, as the rest of the server sees it.

use crate::CommandBuf;
use crate::reply::Outbound;
use atomic_waker::AtomicWaker;
use bytes::BytesMut;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::task::Waker;
use std::time::Duration;
use tokio::sync::oneshot;

/// Frames of our own that may wait for one client; beyond this it is not keeping up and they are dropped.
const MAX_PUSHED: usize = 1024 * 1024;

/// Bytes of answers made elsewhere that may wait for a client.
const MAX_WAITING: usize = 8 * 1024 * 1024;

/// A handle on a connection: wakes it, sends it requests of our own, tells whether it is still there.
#[derive(Debug)]
pub struct Peer {
    addr: SocketAddr,
    waker: AtomicWaker,
    woken: AtomicBool,
    closed: AtomicBool,
    close_asked: AtomicBool,
    opaque: AtomicI32,
    pushed: Mutex<BytesMut>,
    /// Answers among them.
    answered: AtomicUsize,
    /// Requests whose answers are made elsewhere.
    background: AtomicUsize,
    /// Our own requests that wait for the client's answer.
    pending: Mutex<HashMap<i32, oneshot::Sender<CommandBuf>>>,
}

/// Why a request of ours got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The connection is closed.
    #[error("the client is gone")]
    Closed,
    /// No answer in time.
    #[error("the client did not answer in time")]
    Timeout,
    /// The client does not read what it was sent before.
    #[error("the client does not keep up")]
    Backlog,
}

/// An answer that is being made elsewhere.
#[derive(Debug)]
pub struct Background(Arc<Peer>);

impl Drop for Background {
    fn drop(&mut self) {
        self.0.background.fetch_sub(1, Ordering::AcqRel);
        // The connection may read on.
        self.0.wake();
    }
}

impl Peer {
    pub(super) fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            waker: AtomicWaker::new(),
            woken: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            close_asked: AtomicBool::new(false),
            opaque: AtomicI32::new(0),
            pushed: Mutex::default(),
            answered: AtomicUsize::new(0),
            background: AtomicUsize::new(0),
            pending: Mutex::default(),
        }
    }

    /// The client's address.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// True once the connection is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Has the session's `wake` called soon, once for any number of calls before it.
    pub fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Closes the connection after what is written so far.
    pub fn close(&self) {
        self.close_asked.store(true, Ordering::Release);
        self.wake();
    }

    /// Sends a request that wants no answer.
    ///
    /// # Errors
    /// When the connection is closed or does not keep up.
    pub fn notify(&self, command: CommandBuf) -> Result<(), RequestError> {
        self.push(command.oneway()).map(drop)
    }

    /// Sends a frame that was encoded elsewhere: an answer that took longer than its turn.
    ///
    /// # Errors
    /// When the connection is closed.
    pub fn send(&self, out: &mut Outbound) -> Result<(), RequestError> {
        if self.is_closed() {
            return Err(RequestError::Closed);
        }
        let mut pushed = self.pushed.lock();
        // Writing to memory neither blocks nor fails.
        let _ = out.drain(|slices| {
            let before = pushed.len();
            slices.iter().for_each(|slice| pushed.extend_from_slice(slice));
            Ok(pushed.len() - before)
        });
        drop(pushed);
        self.answered.fetch_add(out.take_answers(), Ordering::Relaxed);
        self.wake();
        Ok(())
    }

    /// Notes that an answer is made elsewhere, as long as what is given back lives.
    #[must_use]
    pub fn in_background(self: &Arc<Self>) -> Background {
        self.background.fetch_add(1, Ordering::AcqRel);
        Background(Arc::clone(self))
    }

    /// True while answers that were made elsewhere wait for a client that does not read: there is no sense in making more.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.pushed.lock().len() > MAX_WAITING
    }

    pub(super) fn background(&self) -> usize {
        self.background.load(Ordering::Acquire)
    }

    pub(super) fn take_answered(&self) -> usize {
        self.answered.swap(0, Ordering::Relaxed)
    }

    /// Sends a request of our own and waits for the client's answer.
    ///
    /// # Errors
    /// When the connection is closed, does not keep up, or does not answer within `timeout`.
    pub async fn request(&self, command: CommandBuf, timeout: Duration) -> Result<CommandBuf, RequestError> {
        let (answer, answered) = oneshot::channel();
        let opaque = self.next_opaque();
        self.pending.lock().insert(opaque, answer);
        let result = match self.push(CommandBuf { opaque, ..command }) {
            Ok(()) => match tokio::time::timeout(timeout, answered).await {
                Ok(Ok(command)) => Ok(command),
                Ok(Err(_)) => Err(RequestError::Closed),
                Err(_) => Err(RequestError::Timeout),
            },
            Err(error) => Err(error),
        };
        self.pending.lock().remove(&opaque);
        result
    }

    fn next_opaque(&self) -> i32 {
        self.opaque.fetch_add(1, Ordering::Relaxed)
    }

    fn push(&self, mut command: CommandBuf) -> Result<(), RequestError> {
        if self.is_closed() {
            return Err(RequestError::Closed);
        }
        if command.flag & crate::command::FLAG_ONEWAY != 0 {
            command.opaque = self.next_opaque();
        }
        let mut pushed = self.pushed.lock();
        if pushed.len() > MAX_PUSHED {
            return Err(RequestError::Backlog);
        }
        command.encode(&mut pushed);
        drop(pushed);
        self.wake();
        Ok(())
    }

    /// Moves what others sent into the connection's own buffer.
    pub(super) fn take_pushed(&self, out: &mut Outbound) {
        let mut pushed = self.pushed.lock();
        if !pushed.is_empty() {
            out.put(&pushed);
            *pushed = BytesMut::new();
        }
    }

    pub(super) fn take_woken(&self) -> bool {
        self.woken.load(Ordering::Acquire) && self.woken.swap(false, Ordering::AcqRel)
    }

    pub(super) fn is_close_asked(&self) -> bool {
        self.close_asked.load(Ordering::Acquire)
    }

    pub(super) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    pub(super) fn answered(&self, command: CommandBuf) {
        if let Some(waiting) = self.pending.lock().remove(&command.opaque) {
            // The waiter may have given up just now.
            let _ = waiting.send(command);
        }
    }

    pub(super) fn mark_closed(&self) {
        self.closed.store(true, Ordering::Release);
        self.pending.lock().clear();
        *self.pushed.lock() = BytesMut::new();
    }
}
