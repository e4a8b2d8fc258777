//! Starting and stopping a broker.

use crate::BrokerConfig;
use crate::broker::{Broker, Snapshot};
use crate::clock::now_ms;
use crate::config::ConfigError;
use crate::delay::Delays;
use crate::faults::step;
use crate::json_file;
use crate::leave;
use crate::probe::Probe;
use crate::registration::Registration;
use crate::session::BrokerService;
use crate::{pop, retention, timers, traffic, transactions, watchdog};
use gantry_remoting::server::{Limits, bind, serve};
use gantry_store::{OpenError, Store};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Why a broker did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The port cannot be had.
    #[error("{0}")]
    Listen(io::Error),
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// One of the files beside the store cannot be read.
    #[error(transparent)]
    File(#[from] json_file::Error),
    /// A thread or task could not be made.
    #[error("cannot start: {0}")]
    Start(String),
    /// It was told to stop before it had started.
    #[error("stopped while starting")]
    Stopped,
}

/// A running broker.
pub struct Running {
    addr: SocketAddr,
    broker: Arc<Broker>,
    hurry: Hurry,
    done: JoinHandle<Result<(), String>>,
}

/// Tells a broker not to wait for its clients to leave (`leaveTimeoutMillis`).
#[derive(Clone, Debug)]
pub struct Hurry(watch::Sender<bool>);

impl Hurry {
    /// No waiting from now on.
    pub fn up(&self) {
        self.0.send_replace(true);
    }
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// By this it stops without waiting for its clients to leave.
    #[must_use]
    pub fn hurry(&self) -> Hurry {
        self.hurry.clone()
    }

    /// Numbers for a live view.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.broker.snapshot()
    }

    /// Waits until it has stopped: after `shutdown`, or because it could not go on, which is the error.
    ///
    /// # Errors
    /// Why it stopped by itself.
    pub async fn stopped(self) -> Result<(), String> {
        self.done.await.unwrap_or_else(|error| Err(error.to_string()))
    }
}

/// Opens the store, listens, registers. It runs until `shutdown` turns true.
///
/// # Errors
/// Says what is in the way and what to do.
pub async fn start(config: BrokerConfig, mut shutdown: watch::Receiver<bool>) -> Result<Running, Error> {
    // The port first: a second start by mistake must not touch the store.
    let listen = SocketAddr::new(config.bind_address, config.listen_port);
    let listener = bind(listen).await.map_err(Error::Listen)?;
    let addr = listener.local_addr().map_err(Error::Listen)?;
    let config = BrokerConfig { listen_port: addr.port(), ..config };
    // From the very start: a store that takes its time to recover is no reason to be killed.
    let store_config = config.store()?;
    let probe = Arc::new(Probe::recovering(&store_config.progress));
    // Ends with its sender, should anything below fail.
    let (stop_probe, probe_stopping) = watch::channel(false);
    let mut probe_servers = Vec::new();
    for port in config.probe_ports() {
        let listener = bind(SocketAddr::new(config.bind_address, port)).await.map_err(Error::Listen)?;
        let status = Arc::clone(&probe) as Arc<dyn gantry_probes::Status>;
        probe_servers.push(tokio::spawn(gantry_probes::serve(listener, status, probe_stopping.clone())));
    }
    let vip = if config.vip_channel { vip_listener(addr).await } else { None };
    let opened = tokio::task::spawn_blocking(move || Store::open(store_config));
    let store = tokio::select! {
        opened = opened => opened.map_err(|error| Error::Start(error.to_string()))??,
        () = told_to_stop(&mut shutdown) => return Err(Error::Stopped),
    };
    step("start: store recovered");
    let failed = watch_flushes(&store);
    let broker = Broker::open(config, store)?;
    // Nobody shall see again what had expired before the stop.
    let looked = Arc::clone(&broker);
    join(tokio::task::spawn_blocking(move || expire(&looked))).await;
    probe.serving(&broker);

    let (stop, stopping) = watch::channel(false);
    let threads = [
        thread(&broker, "broker-delay", Delays::run)?,
        thread(&broker, "broker-timer", timers::run)?,
        thread(&broker, "broker-asks", transactions::run)?,
        thread(&broker, "broker-pop", pop::run)?,
        watchdog::start(&broker, tokio::runtime::Handle::current())
            .map_err(|error| Error::Start(error.to_string()))?,
    ];
    let service = Arc::new(BrokerService(Arc::clone(&broker)));
    let limits = Arc::new(Limits::default());
    let servers: Vec<_> = std::iter::once(listener)
        .chain(vip)
        .map(|listener| {
            tokio::spawn(serve(listener, Arc::clone(&service), Arc::clone(&limits), stopping.clone()))
        })
        .collect();
    let (leave, leaving) = watch::channel(false);
    let registration = tokio::spawn(Registration::run(Arc::clone(&broker), leaving));
    let housekeeping = tokio::spawn(housekeeping(Arc::clone(&broker), stopping));
    tracing::info!(%addr, advertised = %broker.config().advertised(), name = broker.config().broker_name, "broker is running");

    let running = Arc::clone(&broker);
    let (hurry, hurried) = watch::channel(false);
    let done = tokio::spawn(async move {
        let mut why = until_stopped(shutdown, failed.clone()).await;
        probe.leaving(&running);
        // Clients are sent elsewhere before the door closes.
        let _ = leave.send(true);
        join(registration).await;
        if why.is_ok() {
            tokio::select! {
                () = leave::until_quiet(&running) => {}
                () = turned_true_by(hurried) => {}
                failure = failure(failed) => why = failure,
            }
        }
        let _ = stop.send(true);
        for server in servers {
            join(server).await;
        }
        join(housekeeping).await;
        running.stop.set();
        let closed = tokio::task::spawn_blocking(move || {
            for thread in threads {
                let name = thread.thread().name().unwrap_or_default().to_owned();
                if thread.join().is_err() {
                    tracing::error!(name, "a thread panicked");
                }
            }
            save(&running);
            running.store.close();
        });
        join(closed).await;
        let _ = stop_probe.send(true);
        for server in probe_servers {
            join(server).await;
        }
        tracing::info!("broker has stopped");
        why
    });
    Ok(Running { addr, broker, hurry: Hurry(hurry), done })
}

/// Waits for the word; that nobody is left to say it is no reason to act.
async fn told_to_stop(shutdown: &mut watch::Receiver<bool>) {
    if shutdown.wait_for(|stop| *stop).await.is_err() {
        std::future::pending().await
    }
}

/// Tells why the broker cannot go on, once it cannot: also what comes before anybody waits for it.
fn watch_flushes(store: &Store) -> watch::Receiver<Option<String>> {
    let (fail, failed) = watch::channel(None);
    store.on_flush_failure(move |error| {
        let text = format!("a flush failed ({error}): messages cannot be made safe any more");
        tracing::error!("{text}");
        fail.send_replace(Some(text));
    });
    failed
}

async fn until_stopped(
    mut shutdown: watch::Receiver<bool>,
    failed: watch::Receiver<Option<String>>,
) -> Result<(), String> {
    tokio::select! {
        // An error means that the sender is gone, and with it whoever could stop us.
        _ = shutdown.wait_for(|stop| *stop) => Ok(()),
        failure = failure(failed) => failure,
    }
}

/// Waits until the broker cannot go on, which is the error.
async fn failure(mut failed: watch::Receiver<Option<String>>) -> Result<(), String> {
    match failed.wait_for(Option::is_some).await {
        Ok(text) => Err(text.clone().unwrap_or_default()),
        Err(_) => Ok(()),
    }
}

async fn join<T>(task: JoinHandle<T>) {
    if let Err(error) = task.await {
        tracing::error!(%error, "a task failed");
    }
}

/// Waits for the value, or for its sender to be gone: nobody would ask us to stop more clearly.
async fn turned_true(value: &mut watch::Receiver<bool>) {
    let _ = value.wait_for(|value| *value).await;
}

/// Waits for the value to be made true; that nobody is left to do so is no reason to act.
async fn turned_true_by(mut value: watch::Receiver<bool>) {
    if value.wait_for(|value| *value).await.is_err() {
        std::future::pending().await
    }
}

/// Clients with `vipChannelEnabled` expect the broker two ports below; without it only they are affected.
async fn vip_listener(addr: SocketAddr) -> Option<tokio::net::TcpListener> {
    let port = addr.port().checked_sub(2)?;
    match bind(SocketAddr::new(addr.ip(), port)).await {
        Ok(listener) => Some(listener),
        Err(error) => {
            tracing::warn!(%error, "no VIP channel: clients with vipChannelEnabled cannot send (vipChannelEnabled=false hides this)");
            None
        }
    }
}

/// Once a second, and every few seconds: what is due without anybody asking.
async fn housekeeping(broker: Arc<Broker>, mut stopping: watch::Receiver<bool>) {
    let mut second = tokio::time::interval(Duration::from_millis(500));
    second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut saves = tokio::time::interval(broker.config().flush_consumer_offset_interval);
    let mut expiry = tokio::time::interval(Duration::from_secs(10));
    let mut looks = tokio::time::interval(Duration::from_millis(traffic::EVERY_MS as u64));
    let mut retentions = tokio::time::interval(retention::EVERY);
    let mut look = 0;
    let mut groups_rest_until = tokio::time::Instant::now();
    loop {
        tokio::select! {
            _ = second.tick() => broker.tick(),
            _ = expiry.tick() => broker.expire_clients(),
            _ = looks.tick() => {
                look += 1;
                broker.look_at_counters(look);
            }
            _ = saves.tick() => {
                let broker = Arc::clone(&broker);
                join(tokio::task::spawn_blocking(move || save(&broker))).await;
            }
            () = unsaved_groups(&broker, groups_rest_until) => {
                let (start, saving) = (Instant::now(), Arc::clone(&broker));
                join(tokio::task::spawn_blocking(move || saving.groups.save())).await;
                // Many that are made one after the other take a tenth of a thread.
                let rest = (9 * start.elapsed()).max(Duration::from_secs(1));
                groups_rest_until = tokio::time::Instant::now() + rest;
            }
            _ = retentions.tick() => {
                let broker = Arc::clone(&broker);
                join(tokio::task::spawn_blocking(move || expire(&broker))).await;
            }
            () = turned_true(&mut stopping) => return,
        }
    }
}

/// Waits until clients have made groups, and the rest is over.
async fn unsaved_groups(broker: &Broker, rest_until: tokio::time::Instant) {
    tokio::time::sleep_until(rest_until).await;
    broker.groups.unsaved().await;
}

fn thread(broker: &Arc<Broker>, name: &str, work: fn(&Broker)) -> Result<std::thread::JoinHandle<()>, Error> {
    let broker = Arc::clone(broker);
    let spawned = std::thread::Builder::new().name(name.into()).spawn(move || work(&broker));
    spawned.map_err(|error| Error::Start(error.to_string()))
}

fn expire(broker: &Broker) {
    if let Err(error) = retention::expire(broker, now_ms(), broker.clock_set_at()) {
        tracing::warn!(%error, "cannot look for messages that have expired in their topic");
    }
}

/// Writes offsets; a failure is told, and the next time tries again.
fn save(broker: &Broker) {
    if let Err(error) = broker.save_offsets() {
        tracing::error!(%error, "cannot save the consumer offsets: a restart would repeat messages");
    }
    broker.groups.save();
    if let Err(error) = broker.journal.save(broker) {
        tracing::warn!(%error, "cannot save where scales stand: the next start reads it from the log");
    }
    if let Err(error) = broker.delays.save(|| broker.store.flush()) {
        tracing::error!(%error, "cannot save the delay offsets: a restart would repeat delayed messages");
    }
}

#[cfg(all(test, feature = "faults"))]
mod tests {
    use super::*;
    use gantry_store::{NewMessage, StoreConfig};

    #[test]
    fn a_flush_that_failed_before_anybody_could_be_told_ends_the_broker() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig { file_size: 65_536, ..StoreConfig::new(dir.path()) }).unwrap();
        let body = gantry_store::faults::FAILS_TO_FLUSH.as_bytes();
        store.append(&store.queue("T", 0), &NewMessage::own(0, body, ""), None).unwrap();
        store.flush().unwrap_err();
        let failed = watch_flushes(&store);
        let why = failed.borrow().clone().unwrap();
        assert!(why.contains("cannot be made safe"), "{why}");
    }
}
