//! The plans against a real broker and name server in this process.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use gantry_admin::group::Group;
use gantry_admin::topic::Topic;
use gantry_admin::{Admin as _, Broker, Calls, Journal, Place, Reconciled, Resource, reconcile};
use gantry_broker::BrokerConfig;
use gantry_crds::{ConsumerGroupStatus, TopicStatus};
use gantry_remoting::body::{ConsumerData, HeartbeatData, SubscriptionData, TopicConfig};
use gantry_remoting::client::Pool;
use gantry_remoting::header::{GetRouteInfo, SendMessage, ToFields as _, UpdateConsumerOffset};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode, fastjson};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use std::convert::Infallible;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;

const PATIENCE: Duration = Duration::from_secs(10);

struct Cluster {
    name_server: String,
    broker: String,
    running: gantry_broker::Running,
    stop: watch::Sender<bool>,
    calls: Calls,
    client: Pool,
    _data: TempDir,
}

/// A status in memory.
#[derive(Default)]
struct Memory<S> {
    status: S,
    did: Vec<String>,
}

impl<S: Clone + Send + Sync> Journal<S> for Memory<S> {
    type Error = Infallible;

    async fn write(&mut self, status: &S) -> Result<(), Infallible> {
        self.status = status.clone();
        Ok(())
    }

    fn did(&mut self, action: &str) {
        self.did.push(action.to_owned());
    }
}

impl Cluster {
    async fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let (stop, stopping) = watch::channel(false);
        let config =
            gantry_nameserver::Config::new("127.0.0.1:0".parse().unwrap(), data.path().join("nameserver"));
        let name_server = gantry_nameserver::start(config, stopping.clone()).await.unwrap().addr.to_string();
        let config = BrokerConfig {
            broker_name: "a".into(),
            broker_ip1: [127, 0, 0, 1].into(),
            bind_address: [127, 0, 0, 1].into(),
            listen_port: 0,
            vip_channel: false,
            namesrv_addr: vec![name_server.clone()],
            auto_create_topic_enable: false,
            maped_file_size_commit_log: 4 * 1024 * 1024,
            max_hash_slot_num: 1_000,
            max_index_num: 4_000,
            ..BrokerConfig::new(data.path().join("broker"))
        };
        let running = gantry_broker::start(config, stopping).await.unwrap();
        let (calls, client) = (Calls::default(), Pool::default());
        let broker = running.addr().to_string();
        Self { name_server, broker, running, stop, calls, client, _data: data }
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        self.running.stopped().await.unwrap();
    }

    fn places(&self) -> Vec<Broker> {
        vec![Broker { name: "a".into(), place: Place::At(self.broker.clone()) }]
    }

    fn topic(&self, spec: &str) -> Topic {
        Topic {
            name: "orders".into(),
            spec: serde_yaml::from_str(spec).unwrap(),
            generation: None,
            brokers: self.places(),
            name_servers: vec![self.name_server.clone()],
            settle: Duration::ZERO,
            approved: None,
            deleting: false,
        }
    }

    fn group(&self, spec: &str) -> Group {
        Group {
            name: "billing".into(),
            spec: serde_yaml::from_str(spec).unwrap(),
            generation: None,
            brokers: self.places(),
            deleting: false,
        }
    }

    async fn reconcile<R: Resource>(
        &self,
        resource: &R,
        memory: &mut Memory<R::Status>,
    ) -> Reconciled<R::Status> {
        let now = Time(Timestamp::now());
        let status = memory.status.clone();
        let done = reconcile(resource, &self.calls, status, &now, memory).await;
        done.unwrap_or_else(|never| match never {})
    }

    async fn topic_config(&self) -> Option<TopicConfig> {
        self.calls.topic_config(&self.broker, "orders").await.unwrap()
    }

    async fn counts(&self) -> (i32, i32) {
        let config = self.topic_config().await.unwrap();
        (config.write_queue_nums, config.read_queue_nums)
    }

    async fn ask(&self, addr: &str, command: CommandBuf) -> ResponseCode {
        self.client.request(addr, command, PATIENCE).await.unwrap().response_code()
    }

    async fn send(&self, queue_id: i32) {
        let header = SendMessage {
            producer_group: "tests",
            topic: "orders",
            default_topic: None,
            default_topic_queue_nums: 4,
            queue_id,
            sys_flag: 0,
            born_timestamp: 1,
            flag: 0,
            properties: None,
            reconsume_times: None,
            unit_mode: false,
            max_reconsume_times: None,
            batch: false,
            broker_name: None,
        };
        let command = header.into_command(CommandBuf::request(RequestCode::SEND_MESSAGE)).with_body("hello");
        assert_eq!(self.ask(&self.broker, command).await, ResponseCode::SUCCESS);
    }

    async fn commit(&self, queue_id: i32, commit_offset: i64) {
        let header =
            UpdateConsumerOffset { consumer_group: "billing", topic: "orders", queue_id, commit_offset };
        let command = header.into_command(CommandBuf::request(RequestCode::UPDATE_CONSUMER_OFFSET));
        assert_eq!(self.ask(&self.broker, command).await, ResponseCode::SUCCESS);
    }

    /// The group's lag in `orders`.
    async fn lag(&self) -> i64 {
        let stats = self.calls.consume_stats(&self.broker, "billing", None).await.unwrap();
        stats["orders"].values().map(|place| place.lag()).sum()
    }
}

#[tokio::test]
async fn a_topic_is_made_repaired_grown_and_shrunk_on_a_real_broker() {
    let cluster = Cluster::start().await;
    let mut memory = Memory::<TopicStatus>::default();
    let mut topic = cluster.topic("{brokerGroups: [a], queues: 4, messageType: Normal}");
    let end = cluster.reconcile(&topic, &mut memory).await;
    assert!(end.outcome.is_ready(), "{:?}", end.outcome);
    let made = cluster.topic_config().await.unwrap();
    assert_eq!((made.write_queue_nums, made.read_queue_nums, made.perm), (4, 4, 6));
    assert_eq!(made.attributes["message.type"], "NORMAL");
    assert_eq!(memory.did, ["a: topic orders made, queues 4"]);

    // Somebody changes it by hand.
    let by_hand = TopicConfig { order: true, ..TopicConfig::new("orders", 2, 4) };
    cluster.calls.put_topic(&cluster.broker, &by_hand, "+message.type=FIFO,+other=kept").await.unwrap();
    assert!(cluster.reconcile(&topic, &mut memory).await.outcome.is_ready());
    let put_back = cluster.topic_config().await.unwrap();
    assert_eq!((put_back.write_queue_nums, put_back.perm, put_back.order), (4, 6, false));
    assert_eq!((&*put_back.attributes["message.type"], &*put_back.attributes["other"]), ("NORMAL", "kept"));

    topic.spec.queues = 8;
    topic.spec.message_type = None;
    assert!(cluster.reconcile(&topic, &mut memory).await.outcome.is_ready());
    assert_eq!(cluster.counts().await, (8, 8));
    assert!(!cluster.topic_config().await.unwrap().attributes.contains_key("message.type"));

    let group = cluster.group("{brokerGroups: [a]}");
    cluster.reconcile(&group, &mut Memory::default()).await;
    cluster.send(1).await;
    cluster.send(6).await;
    cluster.commit(1, 0).await;
    topic.spec.queues = 4;
    let end = cluster.reconcile(&topic, &mut memory).await;
    assert_eq!(end.outcome.reason(), "Draining");
    assert!(end.outcome.message().contains("billing: 1;"), "{:?}", end.outcome);
    assert_eq!(cluster.counts().await, (4, 8));
    cluster.commit(6, 1).await;
    assert!(cluster.reconcile(&topic, &mut memory).await.outcome.is_ready());
    assert_eq!(cluster.counts().await, (4, 4));
    cluster.stop().await;
}

#[tokio::test]
async fn a_topic_that_a_user_made_is_refused_adopted_and_deleted_with_its_route() {
    let cluster = Cluster::start().await;
    cluster.calls.put_topic(&cluster.broker, &TopicConfig::new("orders", 16, 6), "").await.unwrap();
    let mut memory = Memory::<TopicStatus>::default();
    let mut topic = cluster.topic("{brokerGroups: [a], queues: 4, deletionPolicy: Delete}");
    let end = cluster.reconcile(&topic, &mut memory).await;
    assert_eq!((end.outcome.reason(), cluster.counts().await), ("TopicExists", (16, 16)));

    topic.deleting = true;
    assert!(cluster.reconcile(&topic, &mut memory).await.finished);
    assert!(cluster.topic_config().await.is_some(), "it was never ours");

    (topic.deleting, topic.spec.adopt) = (false, true);
    assert!(cluster.reconcile(&topic, &mut memory).await.outcome.is_ready());
    assert_eq!(cluster.counts().await, (4, 4));
    let route = || {
        let header = GetRouteInfo { topic: "orders", accept_standard_json_only: None };
        header.into_command(CommandBuf::request(RequestCode::GET_ROUTEINFO_BY_TOPIC))
    };
    assert_eq!(cluster.ask(&cluster.name_server, route()).await, ResponseCode::SUCCESS);

    topic.deleting = true;
    assert!(cluster.reconcile(&topic, &mut memory).await.finished);
    assert!(cluster.topic_config().await.is_none());
    assert_eq!(cluster.ask(&cluster.name_server, route()).await, ResponseCode::TOPIC_NOT_EXIST);
    cluster.stop().await;
}

#[tokio::test]
async fn a_group_shows_its_members_and_lag_and_is_moved_where_it_is_told() {
    let cluster = Cluster::start().await;
    cluster.reconcile(&cluster.topic("{brokerGroups: [a], queues: 2}"), &mut Memory::default()).await;
    let mut memory = Memory::<ConsumerGroupStatus>::default();
    let mut group = cluster.group("{brokerGroups: [a], retry: {maxAttempts: 3}}");
    let end = cluster.reconcile(&group, &mut memory).await;
    assert!(end.outcome.is_ready(), "{:?}", end.outcome);
    assert_eq!((end.status.members, end.status.lag), (Some(0), Some(0)));
    let config = cluster.calls.group_config(&cluster.broker, "billing").await.unwrap().unwrap();
    assert_eq!(config.retry_max_times, 3);

    for queue in [0, 0, 0, 1, 1] {
        cluster.send(queue).await;
    }
    cluster.commit(0, 1).await;
    let end = cluster.reconcile(&group, &mut memory).await;
    assert_eq!((end.status.members, end.status.lag), (Some(0), Some(4)));

    let mut reset = async |token: &str, to: &str| {
        let text = format!("{{token: {token}, to: {to}}}");
        group.spec.offset_reset = Some(serde_yaml::from_str(&text).unwrap());
        let end = cluster.reconcile(&group, &mut memory).await;
        assert!(end.outcome.is_ready(), "{:?}", end.outcome);
        assert!(end.status.offset_reset.unwrap().completed_at.is_some());
        cluster.lag().await
    };
    // Nobody of the group is connected.
    assert_eq!(reset("one", "Earliest").await, 5);
    assert_eq!(reset("two", "Latest").await, 0);
    assert_eq!(reset("three", "Timestamp, timestamp: '2020-01-01T00:00:00Z'").await, 5);
    let later = Timestamp::now() + Duration::from_secs(3600);
    assert_eq!(reset("four", &format!("Timestamp, timestamp: '{later}'")).await, 0);

    let subscription =
        SubscriptionData { topic: "orders".into(), sub_string: "*".into(), ..Default::default() };
    let consumer = ConsumerData {
        group_name: "billing".into(),
        subscription_data_set: vec![subscription],
        ..Default::default()
    };
    let heartbeat =
        HeartbeatData { client_id: "one".into(), consumer_data_set: vec![consumer], ..Default::default() };
    let command = CommandBuf::request(RequestCode::HEART_BEAT).with_body(fastjson::to_vec(&heartbeat));
    assert_eq!(cluster.ask(&cluster.broker, command).await, ResponseCode::SUCCESS);
    assert_eq!(cluster.reconcile(&group, &mut memory).await.status.members, Some(1));

    group.spec.deletion_policy = gantry_crds::DeletionPolicy::Delete;
    group.deleting = true;
    assert!(cluster.reconcile(&group, &mut memory).await.finished);
    assert!(cluster.calls.group_config(&cluster.broker, "billing").await.unwrap().is_none());
    cluster.stop().await;
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_told_and_delays_no_other() {
    let cluster = Cluster::start().await;
    let mut topic = cluster.topic("{brokerGroups: [gone, a], queues: 4}");
    // A port that nobody listens on.
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    topic.brokers.push(Broker { name: "gone".into(), place: Place::At(nobody.to_string()) });
    let end = cluster.reconcile(&topic, &mut Memory::default()).await;
    assert_eq!(cluster.counts().await, (4, 4));
    assert_eq!(end.outcome.reason(), "BrokerUnreachable");
    assert!(end.outcome.message().starts_with("gone: "), "{:?}", end.outcome);
    cluster.stop().await;
}

#[test]
fn a_reconciliation_can_be_spawned() {
    fn is_send<T: Send>(_: &T) {}
    let topic = Topic {
        name: "orders".into(),
        spec: serde_yaml::from_str("{brokerGroups: [a]}").unwrap(),
        generation: None,
        brokers: Vec::new(),
        name_servers: Vec::new(),
        settle: Duration::ZERO,
        approved: None,
        deleting: false,
    };
    let (calls, now, mut memory) = (Calls::default(), Time(Timestamp::now()), Memory::default());
    is_send(&reconcile(&topic, &calls, TopicStatus::default(), &now, &mut memory));
}
