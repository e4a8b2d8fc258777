//! A client of the remoting protocol: requests matched to their answers by opaque, and the server's own requests.

mod pool;

pub use pool::Pool;

use crate::frame;
use crate::{CommandBuf, RequestCode};
use bytes::{Buf as _, BytesMut};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection could be made.
    #[error("cannot connect to {addr}: {source}")]
    Connect {
        /// Where to.
        addr: String,
        /// Why not.
        source: io::Error,
    },
    /// The connection broke before the answer.
    #[error("the connection to {0} is closed")]
    Closed(String),
    /// No answer in time. The request may have been carried out.
    #[error("no answer from {addr} to {code} within {timeout:?}")]
    Timeout {
        /// Who was asked.
        addr: String,
        /// What was asked.
        code: RequestCode,
        /// How long it was waited for.
        timeout: Duration,
    },
}

/// What a server asks of its client: called on the reading task, so it must not block. An answer is sent unless the
/// request was oneway.
pub type OnRequest = Box<dyn Fn(&CommandBuf) -> Option<CommandBuf> + Send + Sync>;

/// A connection to one server. Dropping it closes the connection.
#[derive(Debug)]
pub struct Connection {
    addr: String,
    shared: Arc<Shared>,
    frames: mpsc::Sender<BytesMut>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Debug, Default)]
struct Shared {
    opaque: AtomicI32,
    closed: AtomicBool,
    closing: Notify,
    pending: Mutex<HashMap<i32, oneshot::Sender<CommandBuf>>>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Connection {
    /// Connects to `addr` (`host:port`), answering the server's requests by `on_request`.
    ///
    /// # Errors
    /// When there is no connection within `timeout`.
    pub async fn open(addr: &str, timeout: Duration, on_request: Option<OnRequest>) -> Result<Self, Error> {
        let fail = |source| Error::Connect { addr: addr.to_owned(), source };
        let connect = TcpStream::connect(addr);
        let stream = tokio::time::timeout(timeout, connect)
            .await
            .map_err(|_| fail(io::ErrorKind::TimedOut.into()))?
            .map_err(fail)?;
        stream.set_nodelay(true).map_err(fail)?;
        let (reader, writer) = stream.into_split();
        let shared = Arc::new(Shared::default());
        let (frames, to_write) = mpsc::channel(1024);
        let reading = tokio::spawn(read(reader, Arc::clone(&shared), frames.clone(), on_request));
        let writing = tokio::spawn(write(writer, to_write, Arc::clone(&shared)));
        Ok(Self { addr: addr.to_owned(), shared, frames, tasks: [reading, writing] })
    }

    /// The server's address as it was given.
    #[must_use]
    pub fn addr(&self) -> &str {
        &self.addr
    }

    /// True once the connection is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    /// Waits until the connection is gone.
    pub async fn closed(&self) {
        let closing = self.shared.closing.notified();
        tokio::pin!(closing);
        // On the list before the look, so that no end slips through between the two.
        closing.as_mut().enable();
        if !self.is_closed() {
            closing.await;
        }
    }

    /// Sends a request and waits for its answer, whatever its code.
    ///
    /// # Errors
    /// When the connection breaks or no answer comes within `timeout`.
    pub async fn request(&self, mut command: CommandBuf, timeout: Duration) -> Result<CommandBuf, Error> {
        let opaque = self.shared.opaque.fetch_add(1, Ordering::Relaxed);
        let code = RequestCode(command.code);
        command.opaque = opaque;
        let (answer, answered) = oneshot::channel();
        self.shared.pending.lock().insert(opaque, answer);
        let result = tokio::time::timeout(timeout, async {
            self.send(&command).await?;
            answered.await.map_err(|_| Error::Closed(self.addr.clone()))
        });
        let result =
            result.await.unwrap_or_else(|_| Err(Error::Timeout { addr: self.addr.clone(), code, timeout }));
        self.shared.pending.lock().remove(&opaque);
        result
    }

    /// Sends a request that wants no answer.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn oneway(&self, command: CommandBuf) -> Result<(), Error> {
        let opaque = self.shared.opaque.fetch_add(1, Ordering::Relaxed);
        self.send(&CommandBuf { opaque, ..command.oneway() }).await
    }

    async fn send(&self, command: &CommandBuf) -> Result<(), Error> {
        if self.is_closed() {
            return Err(Error::Closed(self.addr.clone()));
        }
        let mut bytes = BytesMut::new();
        command.encode(&mut bytes);
        self.frames.send(bytes).await.map_err(|_| Error::Closed(self.addr.clone()))
    }
}

async fn write(mut stream: OwnedWriteHalf, mut frames: mpsc::Receiver<BytesMut>, shared: Arc<Shared>) {
    while let Some(mut bytes) = frames.recv().await {
        // What queued up meanwhile leaves in the same write.
        while bytes.len() < 256 * 1024
            && let Ok(more) = frames.try_recv()
        {
            bytes.extend_from_slice(&more);
        }
        if stream.write_all(&bytes).await.is_err() {
            break;
        }
    }
    shared.close();
}

async fn read(
    mut stream: OwnedReadHalf,
    shared: Arc<Shared>,
    frames: mpsc::Sender<BytesMut>,
    on_request: Option<OnRequest>,
) {
    let mut bytes = BytesMut::with_capacity(64 * 1024);
    'open: while matches!(stream.read_buf(&mut bytes).await, Ok(n) if n > 0) {
        loop {
            let Ok(found) = frame::split(&bytes) else { break 'open };
            let Some(frame) = found else { break };
            let len = frame.len;
            let Ok(command) = CommandBuf::decode(frame) else { break 'open };
            bytes.advance(len);
            if command.is_response() {
                if let Some(waiting) = shared.pending.lock().remove(&command.opaque) {
                    // The waiter may have given up just now.
                    let _ = waiting.send(command);
                }
            } else if let Some(on_request) = &on_request {
                let oneway = command.flag & crate::command::FLAG_ONEWAY != 0;
                if let Some(mut answer) = on_request(&command).filter(|_| !oneway) {
                    answer.opaque = command.opaque;
                    answer.flag |= crate::command::FLAG_RESPONSE;
                    let mut out = BytesMut::new();
                    answer.encode(&mut out);
                    if frames.send(out).await.is_err() {
                        break 'open;
                    }
                }
            }
        }
    }
    shared.close();
}

impl Shared {
    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.closing.notify_waiters();
        // Dropping the senders tells every waiter.
        self.pending.lock().clear();
    }
}

/// Resolves `host:port` to the first address, for messages and listeners.
///
/// # Errors
/// When the name does not resolve.
pub async fn resolve(addr: &str) -> io::Result<SocketAddr> {
    tokio::net::lookup_host(addr).await?.next().ok_or_else(|| io::ErrorKind::NotFound.into())
}
