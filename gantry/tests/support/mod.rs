//! Servers for the tests: real ones in this process, and brokers that do what a test tells them.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use bytes::Bytes;
use gantry::producer::{Message, Producer, Target};
use gantry::route::NameServers;
use gantry_broker::BrokerConfig;
use gantry_remoting::body::{BrokerData, QueueData, TopicRoute};
use gantry_remoting::reply::{Answer, Outbound};
use gantry_remoting::server::{Limits, Peer, Service, Session, bind, serve};
use gantry_remoting::{Command, RequestCode};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;

/// Longer than anything takes.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A name server and a broker of our own.
pub struct Cluster {
    pub name_server: String,
    broker: gantry_broker::Running,
    stop: watch::Sender<bool>,
    _data: TempDir,
}

impl Cluster {
    pub async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let (stop, stopping) = watch::channel(false);
        let anywhere = "127.0.0.1:0".parse().unwrap();
        let config = gantry_nameserver::Config::new(anywhere, data.path().join("nameserver"));
        let name_server = gantry_nameserver::start(config, stopping.clone()).await.unwrap().addr.to_string();
        let config = BrokerConfig {
            broker_name: "a".into(),
            broker_ip1: [127, 0, 0, 1].into(),
            bind_address: [127, 0, 0, 1].into(),
            listen_port: 0,
            vip_channel: false,
            namesrv_addr: vec![name_server.clone()],
            maped_file_size_commit_log: 4 * 1024 * 1024,
            max_hash_slot_num: 1_000,
            max_index_num: 4_000,
            ..BrokerConfig::new(data.path().join("broker"))
        };
        let broker = gantry_broker::start(config, stopping).await.unwrap();
        let cluster = Self { name_server, broker, stop, _data: data };
        // Producers need the topic that others inherit from.
        while cluster.name_servers().route("TBW102").await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        cluster
    }

    pub fn name_servers(&self) -> NameServers {
        name_servers(&self.name_server)
    }

    /// Sends `bodies` to `topic`, one after the other.
    pub async fn send(&self, topic: &str, bodies: impl IntoIterator<Item = String>) {
        let producer = Producer::new(self.name_servers(), PATIENCE);
        for body in bodies {
            producer.send(&message(topic, body), &Target::Any).await.unwrap();
        }
    }

    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.broker.stopped().await.unwrap();
    }
}

pub fn name_servers(addr: &str) -> NameServers {
    NameServers::new(addr.parse().unwrap(), PATIENCE)
}

pub fn message(topic: &str, body: impl Into<Bytes>) -> Message {
    Message { topic: topic.into(), body: body.into(), ..Message::default() }
}

/// What a scripted server does with a request: an answer, or none.
pub type Script = Box<dyn Fn(&Command<'_>, &Arc<Peer>) -> Option<Answer> + Send + Sync>;

struct Scripted(Arc<Script>);

struct ScriptedSession {
    script: Arc<Script>,
    peer: Arc<Peer>,
}

impl Service for Scripted {
    type Session = ScriptedSession;
    fn connect(&self, peer: Arc<Peer>) -> ScriptedSession {
        ScriptedSession { script: Arc::clone(&self.0), peer }
    }
}

impl Session for ScriptedSession {
    fn request(&mut self, command: &Command<'_>, out: &mut Outbound) {
        if let Some(answer) = (self.script)(command, &self.peer) {
            out.answer(command.reply_to(), &answer);
        }
    }
}

/// A server that follows a script for as long as the test runs.
pub async fn scripted(
    script: impl Fn(&Command<'_>, &Arc<Peer>) -> Option<Answer> + Send + Sync + 'static,
) -> SocketAddr {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopping) = watch::channel(false);
    let script: Script = Box::new(script);
    tokio::spawn(async move {
        serve(listener, Arc::new(Scripted(Arc::new(script))), Arc::new(Limits::default()), stopping).await;
        drop(stop);
    });
    addr
}

/// A name server that knows every topic on `brokers`, with `queues` queues on each.
pub async fn scripted_name_server(brokers: &[(&str, SocketAddr)], queues: i32) -> String {
    let route = TopicRoute {
        broker_datas: brokers
            .iter()
            .map(|(name, addr)| BrokerData {
                broker_addrs: [(0, addr.to_string())].into(),
                broker_name: (*name).into(),
                cluster: "c".into(),
                enable_acting_master: false,
            })
            .collect(),
        queue_datas: brokers
            .iter()
            .map(|(name, _)| QueueData {
                broker_name: (*name).into(),
                perm: 6,
                read_queue_nums: queues,
                write_queue_nums: queues,
                topic_sys_flag: 0,
            })
            .collect(),
        ..TopicRoute::default()
    };
    let addr = scripted(move |command, _| {
        assert_eq!(command.request_code(), RequestCode::GET_ROUTEINFO_BY_TOPIC);
        Some(Answer::json(&route))
    });
    addr.await.to_string()
}
