//! What the name server has for Kubernetes: a port for clients outside, and probes.
#![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]

use gantry_nameserver::{Config, Running, start};
use gantry_remoting::body::{
    BrokerMemberGroupBody, ClusterInfo, DataVersion, RegisterBrokerBody, TopicConfig, TopicConfigTable,
    TopicList, TopicRoute,
};
use gantry_remoting::client::Connection;
use gantry_remoting::header::{
    BrokerIdentity, BrokerMemberGroup, BrokerName, GetRouteInfo, PutKvConfig, RegisterBroker, ToFields as _,
};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode, fastjson};
use serde::de::DeserializeOwned;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

const WAIT: Duration = Duration::from_secs(10);

struct NameServer {
    running: Running,
    stop: watch::Sender<bool>,
    _data: TempDir,
}

impl NameServer {
    async fn start() -> Self {
        let data = TempDir::new().unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let config =
            Config { external_listen: Some(any), probe_listen: Some(any), ..Config::new(any, data.path()) };
        let (stop, stopped) = watch::channel(false);
        Self { running: start(config, stopped).await.unwrap(), stop, _data: data }
    }

    async fn inside(&self) -> Client {
        Client(Connection::open(&self.running.addr.to_string(), WAIT, None).await.unwrap())
    }

    async fn outside(&self) -> Client {
        Client(Connection::open(&self.running.external_addr.unwrap().to_string(), WAIT, None).await.unwrap())
    }

    async fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.running.probe_addr.unwrap()).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

struct Client(Connection);

impl Client {
    async fn ask(&self, command: CommandBuf) -> CommandBuf {
        self.0.request(command, WAIT).await.unwrap()
    }

    async fn body<T: DeserializeOwned>(&self, command: CommandBuf) -> T {
        let answer = self.ask(command).await;
        assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
        fastjson::from_slice(&answer.body).unwrap()
    }

    /// Addresses of a topic's brokers by name, and the names that have queues; `None` without a route.
    async fn route(&self, topic: &str) -> Option<(Vec<(String, String)>, Vec<String>)> {
        let answer = self.ask(route(topic)).await;
        if answer.response_code() == ResponseCode::TOPIC_NOT_EXIST {
            return None;
        }
        let route: TopicRoute = fastjson::from_slice(&answer.body).unwrap();
        let brokers = route.broker_datas.iter();
        Some((
            brokers.map(|b| (b.broker_name.clone(), b.broker_addrs[&0].clone())).collect(),
            route.queue_datas.into_iter().map(|queues| queues.broker_name).collect(),
        ))
    }
}

fn route(topic: &str) -> CommandBuf {
    GetRouteInfo { topic, accept_standard_json_only: None }
        .into_command(CommandBuf::request(RequestCode::GET_ROUTEINFO_BY_TOPIC))
}

/// The frame of a broker that registers.
fn registration(name: &str, addr: &str, external_addr: Option<&str>, topics: &[&str]) -> CommandBuf {
    let topics = topics.iter().map(|topic| ((*topic).to_owned(), TopicConfig::new(topic, 4, 6)));
    let topics = TopicConfigTable {
        data_version: DataVersion { counter: 1, state_version: 0, timestamp: 1 },
        topic_config_table: topics.collect(),
    };
    let body = fastjson::to_vec(&RegisterBrokerBody { topics, ..RegisterBrokerBody::default() });
    let header = RegisterBroker {
        broker_name: name,
        broker_addr: addr,
        cluster_name: "C",
        ha_server_addr: "10.0.0.1:10912",
        broker_id: 0,
        heartbeat_timeout_millis: None,
        enable_acting_master: Some(false),
        compressed: false,
        body_crc32: Some((crc32fast::hash(&body) & 0x7FFF_FFFF) as i32),
        external_addr,
    };
    header.into_command(CommandBuf::request(RequestCode::REGISTER_BROKER)).with_body(body)
}

#[tokio::test]
async fn clients_outside_see_external_addresses_and_only_brokers_that_have_one() {
    let server = NameServer::start().await;
    let (broker, inside, outside) = (server.inside().await, server.inside().await, server.outside().await);
    let external = Some("a.example.com:31911");
    for frame in [
        registration("a", "10.0.0.1:10911", external, &["T", "A"]),
        registration("b", "10.0.0.2:10911", None, &["T", "B"]),
        registration("c", "10.0.0.3:10911", Some(""), &["T", "B"]),
    ] {
        assert_eq!(broker.ask(frame).await.response_code(), ResponseCode::SUCCESS);
    }
    let pair = |name: &str, addr: &str| (name.to_owned(), addr.to_owned());
    let (brokers, queues) = inside.route("T").await.unwrap();
    assert_eq!(
        brokers,
        [pair("a", "10.0.0.1:10911"), pair("b", "10.0.0.2:10911"), pair("c", "10.0.0.3:10911")]
    );
    assert_eq!(queues, ["a", "b", "c"]);
    let (brokers, queues) = outside.route("T").await.unwrap();
    assert_eq!(brokers, [pair("a", "a.example.com:31911")]);
    assert_eq!(queues, ["a"]);
    assert!(inside.route("B").await.is_some());
    assert_eq!(outside.route("B").await, None, "no broker of it can be reached");

    let question = || CommandBuf::request(RequestCode::GET_BROKER_CLUSTER_INFO);
    let info: ClusterInfo = outside.body(question()).await;
    assert_eq!(info.cluster_addr_table["C"], ["a"]);
    assert_eq!(info.broker_addr_table.keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(info.broker_addr_table["a"].broker_addrs[&0], "a.example.com:31911");
    let info: ClusterInfo = inside.body(question()).await;
    assert_eq!(info.broker_addr_table["a"].broker_addrs[&0], "10.0.0.1:10911");

    let system: TopicList =
        outside.body(CommandBuf::request(RequestCode::GET_SYSTEM_TOPIC_LIST_FROM_NS)).await;
    assert_eq!(system.broker_addr, external.map(str::to_owned));
    let members = BrokerMemberGroup { cluster_name: "C", broker_name: "a" }
        .into_command(CommandBuf::request(RequestCode::GET_BROKER_MEMBER_GROUP));
    let members: BrokerMemberGroupBody = outside.body(members).await;
    assert_eq!(members.broker_member_group.broker_addrs[&0], "a.example.com:31911");

    // A registration without it takes it back.
    broker.ask(registration("a", "10.0.0.1:10911", None, &["T", "A"])).await;
    assert_eq!(outside.route("T").await, None);
    let info: ClusterInfo = outside.body(question()).await;
    assert_eq!(info, ClusterInfo::default());
}

#[tokio::test]
async fn nothing_is_changed_from_outside() {
    let server = NameServer::start().await;
    let (inside, outside) = (server.inside().await, server.outside().await);
    let external = Some("a.example.com:31911");
    inside.ask(registration("a", "10.0.0.1:10911", external, &["T", "U"])).await;
    let identity = |code| {
        let (broker_name, broker_addr) = ("a", "10.0.0.1:10911");
        BrokerIdentity { broker_name, broker_addr, cluster_name: "C", broker_id: Some(0) }
            .into_command(CommandBuf::request(code))
    };
    for command in [
        registration("a", "10.6.6.6:10911", Some("evil.example.com:1"), &["T", "U"]),
        identity(RequestCode::UNREGISTER_BROKER),
        identity(RequestCode::BROKER_HEARTBEAT),
        identity(RequestCode::QUERY_DATA_VERSION),
        BrokerName { broker_name: "a" }
            .into_command(CommandBuf::request(RequestCode::WIPE_WRITE_PERM_OF_BROKER)),
        PutKvConfig { namespace: "n", key: "k", value: "v" }
            .into_command(CommandBuf::request(RequestCode::PUT_KV_CONFIG)),
        CommandBuf::request(RequestCode::UPDATE_NAMESRV_CONFIG).with_body("orderMessageEnable=true"),
        CommandBuf::request(RequestCode::DELETE_TOPIC_IN_NAMESRV),
    ] {
        let code = command.code;
        let answer = outside.ask(command).await;
        assert_eq!(answer.response_code(), ResponseCode::NO_PERMISSION, "{code}");
        assert!(answer.remark.unwrap().contains("only answers questions"));
    }
    let (brokers, _) = outside.route("T").await.unwrap();
    assert_eq!(brokers, [("a".to_owned(), "a.example.com:31911".to_owned())]);
    drop(outside);
    assert!(inside.route("T").await.is_some());
}

#[tokio::test]
async fn an_external_address_that_is_none_is_refused() {
    let server = NameServer::start().await;
    let broker = server.inside().await;
    for bad in ["a.example.com", "a,b:1", "a.example.com:99999"] {
        let answer = broker.ask(registration("a", "10.0.0.1:10911", Some(bad), &["T", "U"])).await;
        assert_eq!(answer.response_code(), ResponseCode::SYSTEM_ERROR);
        assert!(answer.remark.unwrap().contains("external address"));
    }
}

#[tokio::test]
async fn a_name_server_is_ready_once_a_broker_registered() {
    let server = NameServer::start().await;
    assert!(server.get("/healthz").await.starts_with("HTTP/1.1 200 "));
    assert!(server.get("/readyz").await.ends_with("\r\n\r\nwarming up"));
    let client = server.inside().await;
    client.ask(registration("a", "10.0.0.1:10911", None, &["T", "U"])).await;
    assert!(server.get("/readyz").await.starts_with("HTTP/1.1 200 "));

    client.route("T").await;
    client.route("absent").await;
    let metrics = server.get("/metrics").await;
    for line in ["brokers 1", "topics 2", "registrations_total 1", "route_requests_total 2"] {
        assert!(metrics.contains(&format!("\ngantry_nameserver_{line}\n")), "{line} is not in {metrics}");
    }

    let (stop, running) = (server.stop, server.running);
    stop.send(true).unwrap();
    tokio::time::timeout(WAIT, running.task).await.expect("stops in time").unwrap();
    for addr in [running.addr, running.external_addr.unwrap(), running.probe_addr.unwrap()] {
        assert!(TcpStream::connect(addr).await.is_err(), "{addr} is free");
    }
}

#[tokio::test]
async fn a_name_server_without_brokers_is_ready_after_a_while() {
    let server = NameServer::start().await;
    let start = Instant::now();
    while !server.get("/readyz").await.starts_with("HTTP/1.1 200 ") {
        assert!(start.elapsed() < WAIT, "still not ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(start.elapsed() > Duration::from_secs(4));
}
