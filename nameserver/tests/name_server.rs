//! The name server over real sockets, as brokers, clients and tools use it.
#![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]

use bytes::{Bytes, BytesMut};
use gantry_nameserver::{Config, Error, Running, start};
use gantry_remoting::body::{
    BrokerMemberGroupBody, ClusterInfo, DataVersion, KvTable, QueueData, RegisterBrokerBody, TopicConfig,
    TopicConfigTable, TopicList, TopicRoute,
};
use gantry_remoting::client::Connection;
use gantry_remoting::compression::Compression;
use gantry_remoting::header::{
    BrokerIdentity, BrokerMemberGroup, BrokerName, ClusterName, DeleteTopicInNamesrv, GetRouteInfo, KvConfig,
    KvNamespace, PutKvConfig, RegisterBroker, RegisterTopic, ToFields as _,
};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode, fastjson};
use serde::de::DeserializeOwned;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

const WAIT: Duration = Duration::from_secs(10);

struct NameServer {
    running: Running,
    stop: watch::Sender<bool>,
    data: TempDir,
}

impl NameServer {
    async fn start() -> Self {
        Self::start_in(TempDir::new().unwrap()).await
    }

    async fn start_in(data: TempDir) -> Self {
        let (stop, stopped) = watch::channel(false);
        let running = start(config(data.path()), stopped).await.unwrap();
        Self { running, stop, data }
    }

    async fn stop(self) -> TempDir {
        self.stop.send(true).unwrap();
        tokio::time::timeout(WAIT, self.running.task).await.expect("stops in time").unwrap();
        self.data
    }

    async fn connect(&self) -> Client {
        Client(Connection::open(&self.running.addr.to_string(), WAIT, None).await.unwrap())
    }
}

fn config(data: &Path) -> Config {
    Config::new("127.0.0.1:0".parse().unwrap(), data)
}

struct Client(Connection);

impl Client {
    async fn ask(&self, command: CommandBuf) -> CommandBuf {
        self.0.request(command, WAIT).await.unwrap()
    }
    async fn ok(&self, command: CommandBuf) -> CommandBuf {
        let answer = self.ask(command).await;
        assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
        answer
    }
    async fn body<T: DeserializeOwned>(&self, command: CommandBuf) -> T {
        fastjson::from_slice(&self.ok(command).await.body).unwrap()
    }
    async fn refused(&self, command: CommandBuf) -> (ResponseCode, String) {
        let answer = self.ask(command).await;
        assert_ne!(answer.response_code(), ResponseCode::SUCCESS, "{answer:?}");
        (answer.response_code(), answer.remark.unwrap_or_default())
    }
    async fn route(&self, topic: &str) -> Option<TopicRoute> {
        let answer = self.ask(route(topic)).await;
        if answer.response_code() == ResponseCode::TOPIC_NOT_EXIST {
            let text = answer.remark.unwrap();
            assert!(text.starts_with("No topic route info in name server for the topic: "), "{text}");
            return None;
        }
        assert_eq!(answer.response_code(), ResponseCode::SUCCESS);
        Some(fastjson::from_slice(&answer.body).unwrap())
    }
    async fn await_no_route(&self, topic: &str) {
        let start = Instant::now();
        while self.route(topic).await.is_some() {
            assert!(start.elapsed() < WAIT, "{topic} is still routed");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn route(topic: &str) -> CommandBuf {
    GetRouteInfo { topic, accept_standard_json_only: None }
        .into_command(request(RequestCode::GET_ROUTEINFO_BY_TOPIC))
}

fn request(code: RequestCode) -> CommandBuf {
    CommandBuf::request(code)
}

fn header(id: i64, addr: &str) -> RegisterBroker<'_> {
    RegisterBroker {
        broker_name: "broker-a",
        broker_addr: addr,
        cluster_name: "DefaultCluster",
        ha_server_addr: "127.0.0.1:10912",
        broker_id: id,
        heartbeat_timeout_millis: None,
        enable_acting_master: Some(false),
        compressed: false,
        body_crc32: None,
        external_addr: None,
    }
}

const ADDR: &str = "127.0.0.1:10911";

fn identity(code: RequestCode, addr: &str) -> CommandBuf {
    let cluster_name = "DefaultCluster";
    BrokerIdentity { broker_name: "broker-a", broker_addr: addr, cluster_name, broker_id: Some(0) }
        .into_command(request(code))
}

fn version(counter: i64) -> DataVersion {
    DataVersion { counter, state_version: 0, timestamp: 1000 + counter }
}

fn table(counter: i64, topics: &[(&str, i32)]) -> TopicConfigTable {
    let topics =
        topics.iter().map(|(topic, queues)| ((*topic).to_owned(), TopicConfig::new(topic, *queues, 6)));
    TopicConfigTable { data_version: version(counter), topic_config_table: topics.collect() }
}

fn register(counter: i64, topics: &[(&str, i32)]) -> CommandBuf {
    register_as(header(0, ADDR), counter, topics)
}

fn register_as(mut header: RegisterBroker<'_>, counter: i64, topics: &[(&str, i32)]) -> CommandBuf {
    let body = fastjson::to_vec(&RegisterBrokerBody {
        topics: table(counter, topics),
        ..RegisterBrokerBody::default()
    });
    header.body_crc32 = Some((crc32fast::hash(&body) & 0x7FFF_FFFF) as i32);
    header.into_command(request(RequestCode::REGISTER_BROKER)).with_body(body)
}

/// The compressed form, with or without the mapping section that brokers from 5.0 on append.
fn compressed(topics: &[(&str, i32)], tail: bool) -> Vec<u8> {
    let mut raw = Vec::new();
    let chunk = |raw: &mut Vec<u8>, text: &[u8]| {
        raw.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        raw.extend(text);
    };
    chunk(&mut raw, br#"{"counter":1,"stateVersion":0,"timestamp":7}"#);
    raw.extend(u32::try_from(topics.len()).unwrap().to_be_bytes());
    for (topic, queues) in topics {
        chunk(&mut raw, format!("{topic} {queues} {queues} 6 SINGLE_TAG ").as_bytes());
    }
    chunk(&mut raw, b"[]");
    if tail {
        raw.extend(0_u32.to_be_bytes());
    }
    Compression::Zlib.compress(&raw).unwrap()
}

#[tokio::test]
async fn a_broker_registers_and_clients_find_its_topics() {
    let server = NameServer::start().await;
    let (broker, client) = (server.connect().await, server.connect().await);
    assert_eq!(client.route("T").await, None);
    broker.ok(register(1, &[("T", 8), ("broker-a", 1)])).await;
    let answer = client.ok(route("T")).await;
    // Go's client splits this text, so its form counts.
    assert_eq!(
        std::str::from_utf8(&answer.body).unwrap(),
        r#"{"brokerDatas":[{"brokerAddrs":{"0":"127.0.0.1:10911"},"brokerName":"broker-a","cluster":"DefaultCluster","enableActingMaster":false}],"filterServerTable":{},"queueDatas":[{"brokerName":"broker-a","perm":6,"readQueueNums":8,"topicSysFlag":0,"writeQueueNums":8}]}"#
    );
    broker.ok(register(2, &[("T", 16)])).await;
    assert_eq!(client.route("T").await.unwrap().queue_datas[0].write_queue_nums, 16);
    broker.ok(identity(RequestCode::UNREGISTER_BROKER, ADDR)).await;
    assert_eq!(client.route("T").await, None);
}

#[tokio::test]
async fn a_broker_whose_connection_breaks_is_gone_at_once() {
    let server = NameServer::start().await;
    let (broker, client) = (server.connect().await, server.connect().await);
    broker.ok(register(1, &[("T", 8), ("U", 1)])).await;
    drop(broker);
    client.await_no_route("T").await;
}

#[tokio::test]
async fn a_silent_broker_is_gone_after_the_time_it_asked_for() {
    let server = NameServer::start().await;
    let (broker, client) = (server.connect().await, server.connect().await);
    let header = RegisterBroker { heartbeat_timeout_millis: Some(1), ..header(0, ADDR) };
    broker.ok(register_as(header, 1, &[("T", 8), ("U", 1)])).await;
    assert!(client.route("T").await.is_some(), "a millisecond is stretched to a second");
    client.await_no_route("T").await;
}

#[tokio::test]
async fn a_late_registration_is_refused_with_the_reason() {
    let server = NameServer::start().await;
    let (old, broker) = (server.connect().await, server.connect().await);
    old.ok(register(7, &[("T", 8), ("U", 1)])).await;
    broker.ok(register(1, &[("T", 16), ("U", 1)])).await;
    let (code, text) = old.refused(register(8, &[("T", 8), ("U", 1)])).await;
    assert_eq!(code, ResponseCode::SYSTEM_ERROR);
    assert!(text.contains("register broker failed") && text.contains("newer registration"), "{text}");
    broker.ok(register(2, &[("T", 32)])).await;
    broker.refused(register(1, &[("T", 16), ("U", 1)])).await;
    assert_eq!(broker.route("T").await.unwrap().queue_datas[0].write_queue_nums, 32);
}

#[tokio::test]
async fn compressed_and_ancient_bodies_are_understood() {
    let server = NameServer::start().await;
    let broker = server.connect().await;
    for (version, tail, admitted) in [(513, true, true), (513, true, false), (399, false, true)] {
        let body = compressed(&[("T", 3), ("U", 1)], tail);
        let crc = (crc32fast::hash(&body) & 0x7FFF_FFFF) as i32;
        let header = RegisterBroker { compressed: admitted, body_crc32: Some(crc), ..header(0, ADDR) };
        let command = header.into_command(request(RequestCode::REGISTER_BROKER)).with_body(body);
        broker.ok(CommandBuf { version, ..command }).await;
        assert_eq!(broker.route("T").await.unwrap().queue_datas[0].read_queue_nums, 3);
        broker.ok(identity(RequestCode::UNREGISTER_BROKER, ADDR)).await;
    }
    // Before V3_0_11 the body was the bare table; Java's maps may have bare keys.
    let command = header(0, ADDR).into_command(request(RequestCode::REGISTER_BROKER));
    let body = fastjson::to_vec(&table(1, &[("T", 5), ("U", 1)]));
    broker.ok(CommandBuf { version: 36, ..command.with_body(body) }).await;
    assert_eq!(broker.route("T").await.unwrap().queue_datas[0].read_queue_nums, 5);
}

#[tokio::test]
async fn slaves_members_versions_and_heartbeats() {
    let server = NameServer::start().await;
    let (master, slave) = (server.connect().await, server.connect().await);
    master.ok(register(1, &[("T", 8), ("U", 1)])).await;
    let answer = slave.ok(register_as(header(1, "127.0.0.1:20911"), 1, &[("T", 8), ("U", 1)])).await;
    assert_eq!(
        (answer.find("masterAddr"), answer.find("haServerAddr")),
        (Some(ADDR), Some("127.0.0.1:10912"))
    );

    let group = BrokerMemberGroup { cluster_name: "DefaultCluster", broker_name: "broker-a" };
    let group: BrokerMemberGroupBody =
        slave.body(group.into_command(request(RequestCode::GET_BROKER_MEMBER_GROUP))).await;
    assert_eq!(group.broker_member_group.broker_addrs.len(), 2);

    let query = |counter| {
        identity(RequestCode::QUERY_DATA_VERSION, ADDR).with_body(fastjson::to_vec(&version(counter)))
    };
    let answer = master.ok(query(1)).await;
    assert_eq!(answer.find("changed"), Some("false"));
    assert_eq!(fastjson::from_slice::<DataVersion>(&answer.body).unwrap(), version(1));
    assert_eq!(master.ok(query(2)).await.find("changed"), Some("true"));
    let unknown =
        identity(RequestCode::QUERY_DATA_VERSION, "127.0.0.1:1").with_body(fastjson::to_vec(&version(1)));
    let answer = master.ok(unknown).await;
    assert_eq!((answer.find("changed"), answer.body.len()), (Some("true"), 0));

    master.ok(identity(RequestCode::BROKER_HEARTBEAT, ADDR)).await;
    master.0.oneway(identity(RequestCode::BROKER_HEARTBEAT, ADDR)).await.unwrap();
    master.ok(route("T")).await;
}

#[tokio::test]
async fn tools_see_and_change_clusters_and_topics() {
    let server = NameServer::start().await;
    let (broker, tool) = (server.connect().await, server.connect().await);
    broker.ok(register(1, &[("T", 8), ("U", 1)])).await;

    let info: ClusterInfo = tool.body(request(RequestCode::GET_BROKER_CLUSTER_INFO)).await;
    assert_eq!(info.cluster_addr_table["DefaultCluster"], ["broker-a"]);
    assert_eq!(info.broker_addr_table["broker-a"].broker_addrs[&0], ADDR);
    let topics: TopicList = tool.body(request(RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER)).await;
    assert_eq!(topics.topic_list, ["T", "U"]);
    let cluster = ClusterName { cluster: "DefaultCluster" };
    let topics: TopicList =
        tool.body(cluster.into_command(request(RequestCode::GET_TOPICS_BY_CLUSTER))).await;
    assert_eq!(topics.topic_list, ["T", "U"]);
    let system: TopicList = tool.body(request(RequestCode::GET_SYSTEM_TOPIC_LIST_FROM_NS)).await;
    assert_eq!(
        (system.topic_list, system.broker_addr.as_deref()),
        (vec!["DefaultCluster".into(), "broker-a".into()], Some(ADDR))
    );

    let name = BrokerName { broker_name: "broker-a" };
    let answer = tool.ok(name.into_command(request(RequestCode::WIPE_WRITE_PERM_OF_BROKER))).await;
    assert_eq!(answer.find("wipeTopicCount"), Some("2"));
    assert_eq!(tool.route("T").await.unwrap().queue_datas[0].perm, 4);
    let answer = tool.ok(name.into_command(request(RequestCode::ADD_WRITE_PERM_OF_BROKER))).await;
    assert_eq!(answer.find("addTopicCount"), Some("2"));
    assert_eq!(tool.route("T").await.unwrap().queue_datas[0].perm, 6);

    let queues = |name: &str| TopicRoute {
        queue_datas: vec![QueueData {
            broker_name: name.into(),
            perm: 6,
            read_queue_nums: 2,
            write_queue_nums: 2,
            topic_sys_flag: 0,
        }],
        ..TopicRoute::default()
    };
    let one = || RegisterTopic { topic: "N" }.into_command(request(RequestCode(217)));
    tool.ok(one().with_body(fastjson::to_vec(&queues("broker-a")))).await;
    assert_eq!(tool.route("N").await.unwrap().queue_datas[0].read_queue_nums, 2);
    tool.refused(one().with_body(fastjson::to_vec(&queues("absent")))).await;

    for cluster_name in [Some("Absent"), None] {
        assert!(tool.route("T").await.is_some());
        let delete = DeleteTopicInNamesrv { topic: "T", cluster_name };
        tool.ok(delete.into_command(request(RequestCode::DELETE_TOPIC_IN_NAMESRV))).await;
    }
    assert_eq!(tool.route("T").await, None);
}

#[tokio::test]
async fn kv_config_survives_a_restart_and_reaches_brokers_and_routes() {
    let server = NameServer::start().await;
    let tool = server.connect().await;
    let namespace = "ORDER_TOPIC_CONFIG";
    let get = |key: &str| KvConfig { namespace, key }.into_command(request(RequestCode::GET_KV_CONFIG));
    let list = || KvNamespace { namespace }.into_command(request(RequestCode::GET_KVLIST_BY_NAMESPACE));
    assert_eq!(tool.refused(get("T")).await.0, ResponseCode::QUERY_NOT_FOUND);
    assert_eq!(tool.refused(list()).await.0, ResponseCode::QUERY_NOT_FOUND);
    for (key, value) in [("T", "broker-a:4"), ("U", "broker-a:8"), ("{k}", "")] {
        tool.ok(PutKvConfig { namespace, key, value }.into_command(request(RequestCode::PUT_KV_CONFIG)))
            .await;
    }
    tool.ok(request(RequestCode::UPDATE_NAMESRV_CONFIG).with_body("orderMessageEnable=true\n")).await;
    let data = server.stop().await;

    let server = NameServer::start_in(data).await;
    let tool = server.connect().await;
    assert_eq!(tool.ok(get("T")).await.find("value"), Some("broker-a:4"));
    let answer = tool.ok(register(1, &[("T", 4), ("V", 1)])).await;
    let told: KvTable = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(told.table["U"], "broker-a:8");
    assert_eq!(tool.route("T").await.unwrap().order_topic_conf.as_deref(), Some("broker-a:4"));
    assert_eq!(tool.route("V").await.unwrap().order_topic_conf, None);
    tool.ok(KvConfig { namespace, key: "T" }.into_command(request(RequestCode::DELETE_KV_CONFIG))).await;
    assert_eq!(tool.refused(get("T")).await.0, ResponseCode::QUERY_NOT_FOUND);
    let listed: KvTable = tool.body(list()).await;
    assert_eq!(listed.table.len(), 2);
    tool.ok(request(RequestCode::UPDATE_NAMESRV_CONFIG).with_body("returnOrderTopicConfigToBroker=false"))
        .await;
    assert_eq!(tool.ok(register(1, &[])).await.body, Bytes::new());
}

#[tokio::test]
async fn pipelined_changes_are_made_in_their_order() {
    let server = NameServer::start().await;
    let tool = server.connect().await;
    let (namespace, key) = ("n", "k");
    let puts = (0..50).map(|n| {
        let value = n.to_string();
        PutKvConfig { namespace, key, value: &value }.into_command(request(RequestCode::PUT_KV_CONFIG))
    });
    let mut stream = TcpStream::connect(server.running.addr).await.unwrap();
    let mut bytes = BytesMut::new();
    puts.enumerate().for_each(|(n, put)| CommandBuf { opaque: n as i32, ..put }.encode(&mut bytes));
    stream.write_all(&bytes).await.unwrap();
    let mut answers = BytesMut::new();
    for n in 0..50 {
        let frame = loop {
            if let Some(frame) = gantry_remoting::frame::split(&answers).unwrap() {
                break frame;
            }
            stream.read_buf(&mut answers).await.unwrap();
        };
        let answer = CommandBuf::decode(frame).unwrap();
        assert_eq!((answer.opaque, answer.code), (n, 0));
        let len = frame.len;
        bytes::Buf::advance(&mut answers, len);
    }
    let get = KvConfig { namespace, key }.into_command(request(RequestCode::GET_KV_CONFIG));
    assert_eq!(tool.ok(get).await.find("value"), Some("49"));
}

#[tokio::test]
async fn settings_are_a_short_list() {
    let server = NameServer::start().await;
    let tool = server.connect().await;
    let update = |text: &str| request(RequestCode::UPDATE_NAMESRV_CONFIG).with_body(text.to_owned());
    let shown = tool.ok(request(RequestCode::GET_NAMESRV_CONFIG)).await.body;
    let shown = std::str::from_utf8(&shown).unwrap();
    assert!(shown.contains("orderMessageEnable=false\n") && shown.contains("listenPort="), "{shown}");
    for key in ["configBlackList", "configStorePath", "kvConfigPath", "rocketmqHome"] {
        let text = format!("orderMessageEnable=true\n{key}=/etc/passwd\n");
        assert_eq!(tool.refused(update(&text)).await.0, ResponseCode::NO_PERMISSION);
    }
    let (code, text) = tool.refused(update("listenPort=1")).await;
    assert_eq!(code, ResponseCode::INVALID_PARAMETER);
    assert!(text.contains("orderMessageEnable"), "{text}");
    tool.refused(update("orderMessageEnable=perhaps")).await;
    tool.refused(request(RequestCode::UPDATE_NAMESRV_CONFIG).with_body(vec![0xFF, 0xFE])).await;
    tool.refused(update(&"#".repeat(1024 * 1024))).await;
    assert_eq!(
        std::str::from_utf8(&tool.ok(request(RequestCode::GET_NAMESRV_CONFIG)).await.body).unwrap(),
        shown
    );

    tool.ok(update("enableAllTopicList=false\nenableTopicList=false\nneedWaitForService=true")).await;
    tool.refused(request(RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER)).await;
    tool.refused(ClusterName { cluster: "C" }.into_command(request(RequestCode::GET_TOPICS_BY_CLUSTER)))
        .await;
    assert_eq!(tool.refused(route("T")).await, (ResponseCode::SYSTEM_ERROR, "name server not ready".into()));
}

#[tokio::test]
async fn malformed_requests_are_refused_without_harm() {
    let server = NameServer::start().await;
    let client = server.connect().await;
    client.ok(register(1, &[("T", 8), ("U", 1)])).await;
    let giant = "x".repeat(2 * 1024 * 1024);
    let register_with = |header: RegisterBroker<'_>, body: Vec<u8>| {
        header.into_command(request(RequestCode::REGISTER_BROKER)).with_body(body)
    };
    let good = fastjson::to_vec(&RegisterBrokerBody {
        topics: table(9, &[("V", 1), ("W", 1)]),
        ..RegisterBrokerBody::default()
    });

    let mut refused = Vec::new();
    for name in ["../../x", "", "a\0b", "/etc/passwd"] {
        refused.push(register_with(
            RegisterBroker { broker_name: name, ..header(0, "127.0.0.1:2") },
            good.clone(),
        ));
        refused.push(register_with(
            RegisterBroker { cluster_name: name, ..header(0, "127.0.0.1:2") },
            good.clone(),
        ));
        refused.push(register_with(header(0, name), good.clone()));
        refused.push(route(name));
        let put = PutKvConfig { namespace: name, key: "a\nb", value: "" };
        refused.push(put.into_command(request(RequestCode::PUT_KV_CONFIG)));
    }
    refused.push(register_with(header(-1, "127.0.0.1:2"), good.clone()));
    refused.push(register_with(RegisterBroker { body_crc32: Some(1), ..header(0, ADDR) }, good.clone()));
    let bomb = Compression::Zlib.compress(&vec![0; 8 * 1024 * 1024]).unwrap();
    let mut cut = compressed(&[("V", 1), ("W", 1)], true);
    cut.truncate(cut.len() / 2);
    for body in [
        b"{".to_vec(),
        b"[{}]".to_vec(),
        b"nonsense".to_vec(),
        b"{\"topicConfigSerializeWrapper\":7}".to_vec(),
        "[".repeat(100_000).into_bytes(),
    ] {
        refused.push(register_with(header(0, ADDR), body.clone()));
        refused.push(register_with(RegisterBroker { compressed: true, ..header(0, ADDR) }, body.clone()));
        // An object without the fields of its class is one with their defaults.
        if !body.starts_with(b"{\"") {
            refused.push(identity(RequestCode::QUERY_DATA_VERSION, ADDR).with_body(body.clone()));
            let topic = RegisterTopic { topic: "V" }.into_command(request(RequestCode(217)));
            refused.push(topic.with_body(body));
        }
    }
    for body in [bomb, cut] {
        refused.push(register_with(RegisterBroker { compressed: true, ..header(0, ADDR) }, body));
    }
    refused.push(identity(RequestCode::QUERY_DATA_VERSION, ADDR));
    refused.push(request(RequestCode::REGISTER_BROKER));
    refused.push(request(RequestCode::GET_ROUTEINFO_BY_TOPIC));
    for command in refused {
        let shown = format!("{:?} {:?}", RequestCode(command.code), command.ext);
        let (_, text) = client.refused(command).await;
        assert!(!text.is_empty() && text.len() < 1024, "{shown}: {text}");
    }
    assert_eq!(client.refused(request(RequestCode(9_999))).await.0, ResponseCode::REQUEST_CODE_NOT_SUPPORTED);
    assert_eq!(
        client.refused(request(RequestCode::SEND_MESSAGE_V2)).await.0,
        ResponseCode::REQUEST_CODE_NOT_SUPPORTED
    );

    // A header of 2 MiB ends its own connection, nothing else.
    let victim = server.connect().await;
    assert!(victim.0.request(route(&giant), WAIT).await.is_err());

    // Bad topics in a registration are left out; the good ones are served.
    let odd = [
        ("../../x", 1),
        (giant.as_str(), 1),
        ("V", 1),
        ("many", i32::MAX),
        ("fewer", -1),
        ("host.example.com", 1),
    ];
    client.ok(register(2, &odd)).await;
    let topics: TopicList = client.body(request(RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER)).await;
    assert_eq!(topics.topic_list, ["T", "U", "V", "host.example.com"]);
    let files: Vec<_> =
        std::fs::read_dir(server.data.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["lock"], "nothing of this was written anywhere");
}

#[tokio::test]
async fn a_stop_waits_for_what_is_being_written_and_frees_the_address() {
    let server = NameServer::start().await;
    let tool = server.connect().await;
    let addr = server.running.addr;
    for n in 0..20 {
        let put = PutKvConfig { namespace: "n", key: &n.to_string(), value: "v" };
        tool.0.oneway(put.into_command(request(RequestCode::PUT_KV_CONFIG))).await.unwrap();
    }
    tool.ask(route("T")).await;
    let data = server.stop().await;
    let (_stop, stopped) = watch::channel(false);
    let again = start(Config { listen: addr, ..config(data.path()) }, stopped).await.unwrap();
    let tool = Client(Connection::open(&again.addr.to_string(), WAIT, None).await.unwrap());
    let list: KvTable = tool
        .body(KvNamespace { namespace: "n" }.into_command(request(RequestCode::GET_KVLIST_BY_NAMESPACE)))
        .await;
    assert_eq!(list.table.len(), 20);
}

#[tokio::test]
async fn what_keeps_it_from_starting_says_what_to_do() {
    let server = NameServer::start().await;
    let attempt = |config: Config| async {
        let (_stop, stopped) = watch::channel(false);
        start(config, stopped).await.unwrap_err()
    };
    let folder = TempDir::new().unwrap();

    let taken = attempt(Config { listen: server.running.addr, ..config(folder.path()) }).await;
    assert!(
        matches!(taken, Error::Listen(_)) && taken.to_string().contains("choose another port"),
        "{taken}"
    );
    let used = attempt(config(server.data.path())).await;
    assert!(matches!(used, Error::InUse(_)) && used.to_string().contains("a folder of its own"), "{used}");
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let no_folder = attempt(config(&file)).await;
    assert!(
        matches!(no_folder, Error::Data { .. }) && no_folder.to_string().contains("choose a folder"),
        "{no_folder}"
    );
    let settings = vec![("orderMessageEnabled".to_owned(), "true".to_owned())];
    let unknown = attempt(Config { settings, ..config(folder.path()) }).await;
    assert!(unknown.to_string().contains("orderMessageEnable,"), "{unknown}");
    std::fs::write(folder.path().join("kvConfig.json"), "{\"configTable\":").unwrap();
    let broken = attempt(config(folder.path())).await;
    assert!(
        matches!(broken, Error::Malformed { .. }) && broken.to_string().contains("restore it"),
        "{broken}"
    );
}
