//! Brokers and name servers that come and go, in one process.
#![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]

mod support;

use gantry_broker::{BrokerConfig, Running};
use gantry_nameserver::Config;
use gantry_remoting::body::ClusterInfo;
use gantry_remoting::client::Connection;
use gantry_remoting::{CommandBuf, RequestCode, fastjson};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use support::{WAIT, free_port, host, send};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// A port of the kernel's choice.
const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

struct NameServer {
    addr: SocketAddr,
    /// For clients outside.
    external: SocketAddr,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
    _data: TempDir,
}

impl NameServer {
    async fn start(listen: SocketAddr) -> Self {
        let (stop, stopped) = watch::channel(false);
        let data = TempDir::new().unwrap();
        let config = Config { external_listen: Some(ANYWHERE), ..Config::new(listen, data.path()) };
        let running = gantry_nameserver::start(config, stopped).await.unwrap();
        Self {
            addr: running.addr,
            external: running.external_addr.unwrap(),
            stop,
            task: running.task,
            _data: data,
        }
    }

    async fn stop(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }

    /// The brokers that it knows.
    async fn brokers(&self) -> Vec<String> {
        cluster_info(self.addr).await.broker_addr_table.into_keys().collect()
    }

    /// Waits until it knows these brokers and no others; says how long that took.
    async fn await_brokers(&self, names: &[&str]) -> Duration {
        let start = Instant::now();
        loop {
            let brokers = self.brokers().await;
            if brokers == names {
                return start.elapsed();
            }
            assert!(start.elapsed() < WAIT, "known are {brokers:?}, not {names:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn cluster_info(name_server: SocketAddr) -> ClusterInfo {
    let connection = Connection::open(&name_server.to_string(), WAIT, None).await.unwrap();
    let question = CommandBuf::request(RequestCode::GET_BROKER_CLUSTER_INFO);
    let answer = connection.request(question, WAIT).await.unwrap();
    fastjson::from_slice(&answer.body).unwrap()
}

struct Broker {
    running: Running,
    probe: u16,
    stop: watch::Sender<bool>,
    _root: TempDir,
}

impl Broker {
    async fn start(name: &str, settings: &str) -> Self {
        let root = TempDir::new().unwrap();
        let (host, probe) = (host(), free_port());
        let mut config = BrokerConfig::new(root.path());
        let unknown = config
            .apply(&format!(
                "brokerName={name}\nbrokerIP1={host}\nbindAddress={host}\nvipChannelEnabled=false\n\
                 diskMaxUsedSpaceRatio=99\ndiskSpaceCleanForciblyRatio=99\ndiskSpaceWarningLevelRatio=99\n\
                 mapedFileSizeCommitLog=1048576\nwarmMapedFileEnable=false\nprobeListenPort={probe}\n{settings}"
            ))
            .unwrap();
        assert_eq!(unknown, []);
        config.max_message_size = 65_536;
        config.listen_port = 0;
        let (stop, stopped) = watch::channel(false);
        let running = gantry_broker::start(config, stopped).await.unwrap();
        Self { running, probe, stop, _root: root }
    }

    async fn connect(&self) -> Connection {
        Connection::open(&self.running.addr().to_string(), WAIT, None).await.unwrap()
    }

    async fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect((host(), self.probe)).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn await_ready(&self, text: &str) {
        let start = Instant::now();
        loop {
            let answer = self.get("/readyz").await;
            if answer.ends_with(text) {
                return;
            }
            assert!(start.elapsed() < WAIT, "{answer}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until it has stopped; says how long that took.
    async fn stopped(self) -> Duration {
        let start = Instant::now();
        tokio::time::timeout(WAIT, self.running.stopped()).await.expect("stops in time").unwrap();
        start.elapsed()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_is_ready_once_a_name_server_knows_it() {
    let later = SocketAddr::from((host(), free_port()));
    let broker = Broker::start("a", &format!("namesrvAddr={later}")).await;
    broker.await_ready("\r\n\r\nregistering").await;
    assert!(broker.get("/healthz").await.starts_with("HTTP/1.1 200 "));
    let name_server = NameServer::start(later).await;
    assert!(name_server.await_brokers(&["a"]).await < Duration::from_secs(5), "tried each second");
    broker.await_ready("\r\n\r\nok").await;

    send(&broker.connect().await, "T", 0, "x").await.unwrap();
    let metrics = broker.get("/metrics").await;
    for line in ["# TYPE gantry_broker_messages_in counter\ngantry_broker_messages_in_total 1\n", "\n# EOF\n"]
    {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    let numbers = metrics.lines().filter(|line| line.starts_with("gantry_broker_"));
    for name in numbers.map(|line| line.split(' ').next().unwrap()) {
        let name = name.trim_end_matches("_total");
        assert!(metrics.contains(&format!("# HELP {name} ")) && metrics.contains(&format!("# TYPE {name} ")));
    }
    broker.stop.send(true).unwrap();
    broker.stopped().await;
    assert_eq!(name_server.brokers().await, [""; 0], "it said goodbye");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_name_server_a_broker_is_ready_at_once() {
    let broker = Broker::start("a", "").await;
    assert!(broker.get("/readyz").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_server_that_restarted_knows_the_brokers_soon_whatever_the_others_do() {
    let name_server = NameServer::start(SocketAddr::from((host(), free_port()))).await;
    // Nobody ever answers there.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = silent.local_addr().unwrap();
    let broker = Broker::start("a", &format!("namesrvAddr={silent};{}", name_server.addr)).await;
    name_server.await_brokers(&["a"]).await;
    let addr = name_server.addr;
    name_server.stop().await;
    let name_server = NameServer::start(addr).await;
    let took = name_server.await_brokers(&["a"]).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    drop(broker);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_name_stands_for_the_name_servers_behind_it() {
    let name_server = NameServer::start(ANYWHERE).await;
    let settings =
        format!("namesrvAddr=localhost:{}\nfetchNameSrvAddrByDnsLookup=true", name_server.addr.port());
    let broker = Broker::start("a", &settings).await;
    name_server.await_brokers(&["a"]).await;
    broker.stop.send(true).unwrap();
    broker.stopped().await;
    assert_eq!(name_server.brokers().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_outside_are_told_the_external_address() {
    let name_server = NameServer::start(ANYWHERE).await;
    let settings = format!("namesrvAddr={}", name_server.addr);
    let hidden = Broker::start("a", &settings).await;
    let shown = Broker::start("b", &format!("{settings}\nexternalAddress=b.example.com:31911")).await;
    name_server.await_brokers(&["a", "b"]).await;
    let outside = cluster_info(name_server.external).await;
    assert_eq!(outside.broker_addr_table.keys().collect::<Vec<_>>(), ["b"]);
    assert_eq!(outside.broker_addr_table["b"].broker_addrs[&0], "b.example.com:31911");
    drop((hidden, shown));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_leaves_serves_until_producers_have_gone_to_another() {
    let name_server = NameServer::start(ANYWHERE).await;
    let settings = format!("namesrvAddr={}\nleaveTimeoutMillis=15000", name_server.addr);
    let (stays, leaves) = (Broker::start("a", &settings).await, Broker::start("b", &settings).await);
    name_server.await_brokers(&["a", "b"]).await;
    let producer = leaves.connect().await;
    send(&producer, "T", 0, "before").await.unwrap();
    leaves.stop.send(true).unwrap();
    name_server.await_brokers(&["a"]).await;
    leaves.await_ready("\r\n\r\nleaving").await;
    // Longer than the silence that it waits for.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        send(&producer, "T", 0, "meanwhile").await.unwrap();
        // A new topic must not bring the broker back into the routes.
        send(&producer, &format!("T{}", start.elapsed().as_millis()), 0, "new").await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(name_server.brokers().await, ["a"]);
    assert!(leaves.get("/healthz").await.starts_with("HTTP/1.1 200 "), "still alive");
    let took = leaves.stopped().await;
    assert!(took < Duration::from_secs(8), "silence lets it go before its time is over, not after {took:?}");

    // Now there is nowhere to go.
    stays.stop.send(true).unwrap();
    let took = stays.stopped().await;
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_is_over_when_its_time_is_or_when_told_to_hurry() {
    let name_server = NameServer::start(ANYWHERE).await;
    let settings = |millis: u32| format!("namesrvAddr={}\nleaveTimeoutMillis={millis}", name_server.addr);
    let _stays = Broker::start("a", &settings(0)).await;
    let short = Broker::start("b", &settings(500)).await;
    let long = Broker::start("c", &settings(600_000)).await;
    name_server.await_brokers(&["a", "b", "c"]).await;
    short.stop.send(true).unwrap();
    let took = short.stopped().await;
    assert!(took > Duration::from_millis(450) && took < Duration::from_millis(1900), "{took:?}");
    long.stop.send(true).unwrap();
    long.await_ready("\r\n\r\nleaving").await;
    long.running.hurry().up();
    let took = long.stopped().await;
    assert!(took < Duration::from_millis(1900), "{took:?}");
}
