//! Telling the name servers what is here (Apache: `BrokerOuterAPI.registerBrokerAll`).
//!
//! Each name server has a task of its own that keeps it told: at every period, at every change, and as soon as one that
//! was away is back. So none waits for another.

use crate::broker::Broker;
use crate::name_servers::NameServers;
use gantry_remoting::body::{ClusterInfo, DataVersion, RegisterBrokerBody, TopicRoute};
use gantry_remoting::client::{Connection, Pool};
use gantry_remoting::header::{BrokerIdentity, GetRouteInfo, RegisterBroker, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode, fastjson};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

const TIMEOUT: Duration = Duration::from_secs(5);
/// The broker id of a master: the only one that takes messages.
const MASTER: i64 = 0;
/// How often a name server that cannot be reached is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The name servers and what they were told.
#[derive(Debug)]
pub(crate) struct Registration {
    name_servers: NameServers,
    pool: Pool,
    /// Counts changes that the name servers have to hear of.
    changes: watch::Sender<u64>,
    links: Mutex<BTreeMap<String, Arc<Link>>>,
    /// A name server took a registration: clients can find this broker.
    is_known: AtomicBool,
    /// Set before the farewell, so that no registration follows it.
    has_left: AtomicBool,
}

/// One name server.
#[derive(Debug)]
struct Link {
    server: String,
    /// Requests go out one after the other, so that an older table never arrives after a newer one.
    one_at_a_time: tokio::sync::Mutex<()>,
    /// Whether the last registration was taken: a change is worth a line in the log.
    registered: Mutex<Option<bool>>,
    /// The topics' version that it took last.
    took: AtomicI64,
}

/// How an attempt to register ended. A connection is there to be watched.
enum Attempt {
    Answered(Arc<Connection>),
    Unreachable,
    Left,
}

/// A task that ends with whoever holds this.
struct Keeper(JoinHandle<()>);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Registration {
    pub(crate) fn new(name_servers: NameServers) -> Self {
        Self {
            name_servers,
            pool: Pool::default(),
            changes: watch::Sender::default(),
            links: Mutex::default(),
            is_known: AtomicBool::new(false),
            has_left: AtomicBool::new(false),
        }
    }

    /// Has the topics registered soon.
    pub(crate) fn topics_changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Clients can find this broker, or never will, because there is no name server.
    pub(crate) fn is_done(&self) -> bool {
        self.name_servers.is_empty() || self.is_known.load(Ordering::Acquire)
    }

    /// Name servers that do not know this version of the topics, or a later one.
    pub(crate) fn behind(&self, version: i64) -> Vec<String> {
        let links = self.links.lock();
        if links.is_empty() && !self.name_servers.is_empty() {
            return vec!["(still looking for name servers)".into()];
        }
        let behind = links.values().filter(|link| link.took.load(Ordering::Acquire) < version);
        behind.map(|link| link.server.clone()).collect()
    }

    /// Keeps all name servers told, until `shutdown`; then says goodbye.
    pub(crate) async fn run(broker: Arc<Broker>, mut shutdown: watch::Receiver<bool>) {
        let this = &broker.registration;
        tokio::select! {
            () = this.follow_name_servers(&broker) => {}
            _ = shutdown.wait_for(|stop| *stop) => {}
        }
        this.unregister(&broker).await;
    }

    /// Has a keeper for each name server there is, for as long as there is. Never ends.
    async fn follow_name_servers(&self, broker: &Arc<Broker>) {
        let mut keepers: HashMap<String, Keeper> = HashMap::new();
        loop {
            let now = self.name_servers.now().await;
            keepers.retain(|server, _| now.contains(server));
            self.forget_all_but(&now);
            for server in now {
                keepers.entry(server).or_insert_with_key(|server| {
                    let link = Arc::new(Link::new(server));
                    self.links.lock().insert(server.clone(), Arc::clone(&link));
                    Keeper(tokio::spawn(keep(Arc::clone(broker), link)))
                });
            }
            self.name_servers.next_look().await;
        }
    }

    fn forget_all_but(&self, now: &BTreeSet<String>) {
        self.links.lock().retain(|server, _| {
            let stays = now.contains(server);
            if !stays {
                tracing::info!(server, "the name server is gone");
                self.pool.forget(server);
            }
            stays
        });
    }

    /// Registers with every name server and waits for their answers. One that is away is left to its keeper.
    pub(crate) async fn register(&self, broker: &Arc<Broker>) {
        self.with_all(broker, |broker, link| async move {
            let is_away = *link.registered.lock() == Some(false);
            if !is_away {
                broker.registration.register_with(&broker, &link).await;
            }
        })
        .await;
    }

    async fn register_with(&self, broker: &Broker, link: &Link) -> Attempt {
        let _one_at_a_time = link.one_at_a_time.lock().await;
        if self.has_left.load(Ordering::Acquire) {
            return Attempt::Left;
        }
        let (command, version) = registration(broker);
        let (attempt, result) = match self.ask(link, command).await {
            Ok((connection, answer)) => (Attempt::Answered(connection), refusal(answer).map_or(Ok(()), Err)),
            Err(error) => (Attempt::Unreachable, Err(error)),
        };
        if result.is_ok() {
            self.is_known.store(true, Ordering::Release);
            link.took.store(version.counter, Ordering::Release);
        }
        let server = &link.server;
        let before = link.registered.lock().replace(result.is_ok());
        match result {
            Ok(()) if before != Some(true) => tracing::info!(server, "registered with the name server"),
            Err(error) if before != Some(false) => {
                tracing::warn!(server, error, "cannot register with the name server: trying again");
            }
            _ => {}
        }
        attempt
    }

    async fn unregister(&self, broker: &Arc<Broker>) {
        self.has_left.store(true, Ordering::Release);
        let farewell = |broker: Arc<Broker>, link: Arc<Link>| async move {
            let _one_at_a_time = link.one_at_a_time.lock().await;
            let error = match broker.registration.ask(&link, goodbye(&broker)).await {
                Ok((_, answer)) => refusal(answer),
                Err(error) => Some(error),
            };
            if let Some(error) = error {
                let server = &link.server;
                tracing::warn!(server, error, "cannot unregister: clients will notice within two minutes");
            }
        };
        self.with_all(broker, farewell).await;
    }

    /// Whether a name server knows another broker of our cluster that takes messages.
    pub(crate) async fn knows_others(&self, broker: &Arc<Broker>) -> bool {
        let answers = self.with_all(broker, |broker, link| async move {
            let question = CommandBuf::request(RequestCode::GET_BROKER_CLUSTER_INFO);
            let (_, answer) = broker.registration.ask(&link, question).await.ok()?;
            let info: ClusterInfo = fastjson::from_slice(&answer.body).ok()?;
            Some(info.broker_addr_table.values().any(|other| {
                other.cluster == broker.config().broker_cluster_name
                    && other.broker_name != broker.config().broker_name
                    && other.broker_addrs.contains_key(&MASTER)
            }))
        });
        answers.await.contains(&Some(true))
    }

    /// Asks one name server. A connection over which no answer came is not used again: it may lead nowhere.
    async fn ask(&self, link: &Link, command: CommandBuf) -> Result<(Arc<Connection>, CommandBuf), String> {
        let result = async {
            let connection = self.pool.connection(&link.server, TIMEOUT).await?;
            let answer = connection.request(command, TIMEOUT).await?;
            Ok((connection, answer))
        };
        result.await.map_err(|error: gantry_remoting::client::Error| {
            self.pool.forget(&link.server);
            error.to_string()
        })
    }

    /// Where a topic is; `None` when no name server says.
    pub(crate) async fn route(&self, topic: &str) -> Option<TopicRoute> {
        let links: Vec<_> = self.links.lock().values().cloned().collect();
        for link in links {
            let question = GetRouteInfo { topic, accept_standard_json_only: Some(true) }
                .into_command(CommandBuf::request(RequestCode::GET_ROUTEINFO_BY_TOPIC));
            match self.ask(&link, question).await {
                Ok((_, answer)) if answer.response_code() == ResponseCode::SUCCESS => {
                    return fastjson::from_slice(&answer.body).ok();
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(server = link.server, error, "a name server tells no route"),
            }
        }
        None
    }

    /// Does something with all name servers at once: one that hangs delays nobody beyond its timeout.
    async fn with_all<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        broker: &Arc<Broker>,
        work: impl Fn(Arc<Broker>, Arc<Link>) -> F,
    ) -> Vec<T> {
        let mut tasks = JoinSet::new();
        for link in self.links.lock().values() {
            tasks.spawn(work(Arc::clone(broker), Arc::clone(link)));
        }
        let mut results = Vec::with_capacity(tasks.len());
        while let Some(result) = tasks.join_next().await {
            results.extend(result);
        }
        results
    }
}

impl Link {
    fn new(server: &str) -> Self {
        Self {
            server: server.to_owned(),
            one_at_a_time: tokio::sync::Mutex::default(),
            registered: Mutex::default(),
            took: AtomicI64::new(-1),
        }
    }
}

/// Keeps one name server told.
async fn keep(broker: Arc<Broker>, link: Arc<Link>) {
    let mut changes = broker.registration.changes.subscribe();
    loop {
        // Seen before the table is read: a change after this comes with the next registration.
        changes.borrow_and_update();
        let began = Instant::now();
        let attempt = broker.registration.register_with(&broker, &link).await;
        let (connection, wait) = match attempt {
            Attempt::Answered(connection) => (Some(connection), broker.config().register_name_server_period),
            Attempt::Unreachable => (None, RETRY),
            Attempt::Left => return,
        };
        tokio::select! {
            () = sleep(wait) => {}
            _ = changes.changed() => {}
            // It restarted, most likely, and knows nothing.
            () = ended(connection) => sleep_until(began + RETRY).await,
        }
    }
}

async fn ended(connection: Option<Arc<Connection>>) {
    match connection {
        Some(connection) => connection.closed().await,
        None => std::future::pending().await,
    }
}

fn refusal(answer: CommandBuf) -> Option<String> {
    let code = answer.response_code();
    (code != ResponseCode::SUCCESS).then(|| format!("{code}: {}", answer.remark.unwrap_or_default()))
}

/// The request, and the version of the topics in it.
fn registration(broker: &Broker) -> (CommandBuf, DataVersion) {
    let config = broker.config();
    let mut topics = broker.topics.table();
    let version = topics.data_version;
    for topic in topics.topic_config_table.values_mut() {
        topic.perm &= config.broker_permission | !6;
    }
    let body = fastjson::to_vec(&RegisterBrokerBody { filter_server_list: Vec::new(), topics });
    let crc = (crc32fast::hash(&body) & 0x7FFF_FFFF) as i32;
    let (addr, ha) = addresses(broker);
    let header = RegisterBroker {
        broker_name: &config.broker_name,
        broker_addr: &addr,
        cluster_name: &config.broker_cluster_name,
        ha_server_addr: &ha,
        broker_id: config.broker_id,
        heartbeat_timeout_millis: None,
        enable_acting_master: Some(false),
        compressed: false,
        body_crc32: Some(crc),
        external_addr: config.external_address.as_deref(),
    };
    (header.into_command(CommandBuf::request(RequestCode::REGISTER_BROKER)).with_body(body), version)
}

fn goodbye(broker: &Broker) -> CommandBuf {
    let config = broker.config();
    let (addr, _) = addresses(broker);
    let header = BrokerIdentity {
        broker_name: &config.broker_name,
        broker_addr: &addr,
        cluster_name: &config.broker_cluster_name,
        broker_id: Some(config.broker_id),
    };
    header.into_command(CommandBuf::request(RequestCode::UNREGISTER_BROKER))
}

/// The broker's address and its replication address, as text.
fn addresses(broker: &Broker) -> (String, String) {
    let addr = broker.config().advertised();
    let ha = std::net::SocketAddr::new(addr.ip(), addr.port().wrapping_add(1));
    (addr.to_string(), ha.to_string())
}
