//! A cluster with the same in it whoever runs it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use gantry_e2e::await_condition::await_condition;
use gantry_e2e::broker_client::{BrokerClient, Draft};
use gantry_e2e::remoting::{Connection, Request, Response, code};
use gantry_e2e::{Cluster, Setup, Target};

use crate::probe::{Case, Probe, To};

pub(crate) const GROUP: &str = "readers";
/// Who pulls as a [`BrokerClient`].
const READER: &str = "e2e-reader";
const PRODUCER: &str =
    r#"{"clientID":"127.0.0.1@shop","producerDataSet":[{"groupName":"shop"}],"consumerDataSet":[]}"#;
/// Brokers look at what they count every 10 s.
const COUNTED_WITHIN: Duration = Duration::from_secs(60);

pub(crate) struct Stage {
    cluster: Cluster,
    name_server: Connection,
    broker: Connection,
    second_port: Connection,
    /// Keeps a producer known.
    _producer: Connection,
    /// Keeps the group online.
    _member: BrokerClient,
    known: BTreeMap<&'static str, String>,
}

impl Stage {
    pub(crate) fn start(target: Target) -> Result<Self> {
        let setup = Setup::default().set("enablePropertyFilter", true).set("recallMessageEnable", true);
        let cluster = Cluster::start(target, setup)?;
        let mut client = BrokerClient::open(cluster.broker_port())?;
        for (topic, queues) in [("Orders", 4), ("Payments", 2), ("Doomed", 1), ("Changing", 4)] {
            client.create_topic(topic, queues, queues)?;
        }
        let mut known = BTreeMap::new();
        for index in 0..20 {
            let unique = format!("UNIQUE-ORDER-{index:02}");
            let placed = client.send(&Draft {
                topic: "Orders",
                queue: index % 4,
                body: format!("order {index}").as_bytes(),
                properties: &[("UNIQ_KEY", &unique), ("KEYS", "order"), ("TAGS", "tag")],
            })?;
            if index == 7 {
                let offset =
                    i64::from_str_radix(placed.offset_id.get(16..).context("an id of 32 digits")?, 16)?;
                known.insert("offset-id", placed.offset_id);
                known.insert("physical-offset", offset.to_string());
            }
        }
        let mut member = BrokerClient::open(cluster.broker_port())?;
        member.join(GROUP, "Orders")?;
        for queue in 0..4 {
            member.commit(GROUP, "Orders", queue, i64::from(queue))?;
        }
        client.await_indexed("Orders", "order")?;
        client.await_runtime_info()?;
        let mut producer = Connection::open(cluster.broker_port())?;
        producer.done(&Request::new(code::HEART_BEAT).body(PRODUCER))?;
        Ok(Self {
            name_server: Connection::open(cluster.name_server_port())?,
            broker: Connection::open(cluster.broker_port())?,
            second_port: Connection::open(cluster.broker_port() - 2)?,
            _producer: producer,
            cluster,
            _member: member,
            known,
        })
    }

    /// The text with what is known only here.
    pub(crate) fn fill(&self, text: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis());
        let mut text = text
            .replace("{now}", &now.to_string())
            .replace("{later}", &(now + 3_600_000).to_string())
            .replace("{broker}", &format!("127.0.0.1:{}", self.cluster.broker_port()))
            .replace("{01}", "\u{1}")
            .replace("{02}", "\u{2}");
        for (name, value) in &self.known {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        text
    }

    pub(crate) fn ask(&mut self, probe: &Probe, case: &Case) -> Result<Response> {
        let request = case.request(probe.code, self);
        let connection = match probe.to {
            To::NameServer => &mut self.name_server,
            To::Broker => &mut self.broker,
            To::SecondPort => &mut self.second_port,
        };
        connection.call(&request)
    }

    /// Sends to and pulls from `Orders` until the broker tells how much that is a second.
    pub(crate) fn await_rates(&mut self) -> Result<()> {
        let mut client = BrokerClient::open(self.cluster.broker_port())?;
        let broker = &mut self.broker;
        let mut rate = |code: i32, member: &str| -> Result<f64> {
            let request = Request::new(code).field("topic", "Orders").field("consumerGroup", READER);
            let body = broker.done(&request)?.body;
            // Apache's broker writes objects as keys: what comes after the table is JSON anywhere.
            let text = String::from_utf8_lossy(&body);
            let number = text.split_once(&format!("\"{member}\":")).map(|(_, rest)| rest);
            let number = number.and_then(|rest| rest.split([',', '}']).next());
            number.with_context(|| format!("no {member} in {text}"))?.parse().context("a number")
        };
        await_condition("there are rates of what goes in and out", COUNTED_WITHIN, || {
            let draft = Draft { topic: "Orders", queue: 0, body: b"another", properties: &[] };
            let placed = client.send(&draft)?;
            client.pull("Orders", 0, placed.queue_offset)?;
            Ok(rate(code::GET_TOPIC_STATS_INFO, "topicPutTps")? > 0.0
                && rate(code::GET_CONSUME_STATS, "consumeTps")? > 0.0)
        })
    }

    pub(crate) fn log_tail(&self) -> String {
        self.cluster.log_tail()
    }
}
