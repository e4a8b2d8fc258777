//! A server of the remoting protocol.
//!
//! Every connection is one task ([`connection`]): one read drains the socket, each request found is handed to the
//! connection's [`Session`] in place, and all answers of that turn leave in one vectored write. Nothing is spawned,
//! queued or timed per request. What completes later (a flush, a long poll, a server's own request) wakes the connection
//! through its [`Peer`].

mod connection;
mod descriptors;
mod limits;
mod peer;

pub use limits::Limits;
pub use peer::{Background, Peer, RequestError};

use crate::command::Command;
use crate::reply::Outbound;
use descriptors::{Place, Refusals, Spare};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What a server does with its connections.
pub trait Service: Send + Sync + 'static {
    /// State of one connection.
    type Session: Session;

    /// A client connected.
    fn connect(&self, peer: Arc<Peer>) -> Self::Session;
}

/// One connection's side of the service. Calls come from one task, one after the other, and must not block.
pub trait Session: Send {
    /// A request arrived. Answers go to `out` now, or later from [`wake`](Self::wake).
    fn request(&mut self, command: &Command<'_>, out: &mut Outbound);

    /// All requests that could be read were handed over: what was put off for them can be done together.
    fn turn_over(&mut self, out: &mut Outbound) {
        let _ = out;
    }

    /// Somebody called [`Peer::wake`].
    fn wake(&mut self, out: &mut Outbound) {
        let _ = out;
    }

    /// When [`wake`](Self::wake) shall be called without anybody asking. Looked at after each turn, so it should be cheap.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The connection is gone.
    fn disconnect(&mut self) {}
}

/// Accepts connections on `listener` until `shutdown` turns true, then lets every connection write what it has and
/// closes it, waiting at most [`Limits::drain`].
pub async fn serve<S: Service>(
    listener: TcpListener,
    service: Arc<S>,
    limits: Arc<Limits>,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let (mut spare, mut refusals) = (Spare::new(), Refusals::default());
    let stop = async move {
        // An error means that the sender is gone: nobody will ever ask us to stop more clearly.
        let _ = shutdown.wait_for(|stop| *stop).await;
    };
    tokio::pin!(stop);
    let (close, closing) = watch::channel(false);
    loop {
        while connections.try_join_next().is_some() {}
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok(_) if connections.len() >= limits.connections => refusals.add("too many connections"),
                Ok((stream, addr)) => match Place::take() {
                    Some(place) => {
                        let (service, limits) = (Arc::clone(&service), Arc::clone(&limits));
                        let connection = run(stream, addr, service, limits, closing.clone());
                        connections.spawn(async move {
                            connection.await;
                            drop(place);
                        });
                    }
                    None => refusals.add("too many connections for the limit of open files (ulimit -n)"),
                },
                Err(error) => {
                    refusals.add(&error.to_string());
                    if !spare.send_away(&listener, &error).await {
                        // Those in use must be freed first, so do not spin.
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            },
        }
    }
    drop(listener);
    let _ = close.send(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain, drained).await.is_err() {
        tracing::warn!("connections did not close in time");
    }
}

async fn run<S: Service>(
    stream: TcpStream,
    addr: SocketAddr,
    service: Arc<S>,
    limits: Arc<Limits>,
    closing: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%addr, %error, "cannot set TCP_NODELAY");
    }
    let peer = Arc::new(Peer::new(addr));
    let session = service.connect(Arc::clone(&peer));
    let why = connection::Connection::new(stream, peer, session, limits).run(closing).await;
    tracing::debug!(%addr, %why, "connection closed");
}

/// Binds `addr`, saying what to do when that fails.
///
/// # Errors
/// A taken port or an address that is not ours, with advice.
pub async fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(addr).await.map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => "another program listens there: stop it, or choose another port",
            io::ErrorKind::AddrNotAvailable => "no network interface of this machine has that address",
            io::ErrorKind::PermissionDenied => "ports below 1024 need more rights: choose a higher one",
            _ => return error,
        };
        io::Error::new(error.kind(), format!("cannot listen on {addr}: {advice}"))
    })
}
