//! The HTTP server. A connection serves one request and ends: a probe comes every few seconds, so there is nothing to
//! gain from keeping it, and an end in sight bounds what any client can hold.

use crate::Status;
use crate::answer::{METRICS, answer};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// Connections at a time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 64;
/// Bytes of a request's head: hyper's smallest.
const MAX_HEAD: usize = 8 * 1024;
/// A request's head must have come in this time.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection must be done in this time, whether or not its client reads.
const LIFETIME: Duration = Duration::from_secs(10);
/// What is being answered when the server stops gets this time.
const DRAIN: Duration = Duration::from_secs(1);

/// Answers on `listener` until `shutdown` turns true, or its sender is gone.
pub async fn serve(listener: TcpListener, status: Arc<dyn Status>, mut shutdown: watch::Receiver<bool>) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    let accepting = async {
        loop {
            while connections.try_join_next().is_some() {}
            let (stream, slot) = accept(&listener, &slots).await;
            connections.spawn(connection(stream, slot, Arc::clone(&status)));
        }
    };
    tokio::select! {
        () = accepting => {}
        _ = shutdown.wait_for(|stop| *stop) => {}
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    // Those that are still there are cut off when the set is dropped.
    let _ = tokio::time::timeout(DRAIN, drained).await;
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // Nobody closes the semaphore, so there is always a permit.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(error) => {
                // Out of file descriptors, most likely: those in use must be freed first, so do not spin.
                tracing::warn!(%error, "cannot accept a probe");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, slot: Option<OwnedSemaphorePermit>, status: Arc<dyn Status>) {
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let status = Arc::clone(&status);
        async move {
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            let metrics = match path.as_str() {
                METRICS => tokio::task::spawn_blocking({
                    let status = Arc::clone(&status);
                    move || status.metrics()
                })
                .await
                .unwrap_or_default(),
                _ => String::new(),
            };
            Ok::<_, Infallible>(answer(&method, &path, &*status, metrics))
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(LIFETIME, serving).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "probe failed"),
        Err(_) => tracing::debug!("a probe's client does not read its answer"),
    }
    drop(slot);
}
