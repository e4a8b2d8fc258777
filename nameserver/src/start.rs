//! From a [`Config`] to a name server that serves, and to its end.

use crate::kv::KvStore;
use crate::probe::{Counts, Probe};
use crate::service::{NameServer, Sessions, Side};
use crate::settings::SettingsStore;
use crate::table::RouteTable;
use crate::writer::Writer;
use crate::{Config, Error};
use gantry_remoting::server::{Limits, bind, serve};
use parking_lot::RwLock;
use std::fs::{self, File, TryLockError};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

/// How often silent brokers are looked for.
const SCAN: Duration = Duration::from_secs(5);

/// A name server that accepts connections.
#[derive(Debug)]
pub struct Running {
    /// Where it listens: the port that was taken, if 0 was asked for.
    pub addr: SocketAddr,
    /// Where it listens for clients outside, if it does.
    pub external_addr: Option<SocketAddr>,
    /// Where probes are served, if they are.
    pub probe_addr: Option<SocketAddr>,
    /// Ends when the name server has stopped: connections closed, files written.
    pub task: JoinHandle<()>,
}

/// Starts a name server in the current Tokio runtime. It stops when `shutdown` turns true, or when its sender is gone.
///
/// # Errors
/// When the address is taken or the data folder cannot be used; the text says what to do.
pub async fn start(config: Config, shutdown: watch::Receiver<bool>) -> Result<Running, Error> {
    let listener = bind(config.listen).await.map_err(Error::Listen)?;
    let addr = listener.local_addr().map_err(Error::Listen)?;
    let (external, external_addr) = bind_if(config.external_listen).await?;
    let (probes, probe_addr) = bind_if(config.probe_listen).await?;
    let lock = lock_folder(&config.data)?;
    let kv = Arc::new(KvStore::open(&config.data)?);
    let settings = Arc::new(SettingsStore::open(&config.data, &config.settings)?);
    // Last: from here on nothing fails that would leave the thread to itself.
    let (writer, thread) = Writer::start().map_err(Error::Thread)?;
    let server = Arc::new(NameServer {
        addr,
        started: Instant::now(),
        routes: RwLock::new(RouteTable::default()),
        kv,
        settings,
        writer,
        counts: Counts::default(),
        connections: AtomicU64::new(0),
    });
    let listeners = Listeners { inside: listener, outside: external, probes };
    let task = tokio::spawn(run(listeners, server, config.limits, shutdown, thread, lock));
    tracing::info!(%addr, data = %config.data.display(), "name server started");
    Ok(Running { addr, external_addr, probe_addr, task })
}

struct Listeners {
    inside: TcpListener,
    outside: Option<TcpListener>,
    probes: Option<TcpListener>,
}

async fn bind_if(addr: Option<SocketAddr>) -> Result<(Option<TcpListener>, Option<SocketAddr>), Error> {
    let Some(addr) = addr else { return Ok((None, None)) };
    let listener = bind(addr).await.map_err(Error::Listen)?;
    let addr = listener.local_addr().map_err(Error::Listen)?;
    Ok((Some(listener), Some(addr)))
}

async fn run(
    listeners: Listeners,
    server: Arc<NameServer>,
    limits: Limits,
    shutdown: watch::Receiver<bool>,
    writer: thread::JoinHandle<()>,
    lock: File,
) {
    let Listeners { inside, outside, probes } = listeners;
    let limits = Arc::new(limits);
    let sessions = |side| Arc::new(Sessions::new(Arc::clone(&server), side));
    let serving = async {
        let inside = serve(inside, sessions(Side::Inside), Arc::clone(&limits), shutdown.clone());
        let outside = async {
            if let Some(listener) = outside {
                serve(listener, sessions(Side::Outside), Arc::clone(&limits), shutdown.clone()).await;
            }
        };
        let probes = async {
            if let Some(listener) = probes {
                gantry_probes::serve(listener, Arc::new(Probe(Arc::clone(&server))), shutdown.clone()).await;
            }
        };
        tokio::join!(inside, outside, probes);
    };
    tokio::select! {
        () = serving => {}
        () = scan(&server) => {}
    }
    server.writer.close();
    let written = tokio::task::spawn_blocking(move || writer.join());
    if !matches!(written.await, Ok(Ok(()))) {
        tracing::error!("the thread that writes files failed");
    }
    // Only now may another name server have the folder.
    drop(lock);
    tracing::info!("name server stopped");
}

/// Never ends.
async fn scan(server: &NameServer) {
    let mut ticks = tokio::time::interval(SCAN);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let removed = server.routes.write().expire(Instant::now());
        for gone in &removed {
            tracing::warn!(
                broker = gone.name,
                id = gone.id,
                addr = gone.addr,
                "broker removed: not heard of in time"
            );
        }
        let (brokers, topics) = server.routes.read().size();
        tracing::debug!(brokers, topics, "scanned");
    }
}

/// Makes the folder, and keeps others out of it for as long as the file is open.
fn lock_folder(folder: &Path) -> Result<File, Error> {
    let fail = |source| Error::Data { path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(fail)?;
    let lock = File::create(folder.join("lock")).map_err(fail)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(folder.to_owned())),
        Err(TryLockError::Error(source)) => Err(fail(source)),
    }
}
