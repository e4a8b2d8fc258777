//! Filling a broker.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::Cluster;
use crate::broker_client::{BrokerClient, Draft};
use crate::many::all;
use crate::remoting::{Connection, Request, code};

pub(super) const TOPIC: &str = "scale";

/// What has to stay as it is while the broker is looked at.
pub(super) type Held = Vec<Connection>;

/// Messages that wait for a day and some seconds each.
pub(super) fn timers(cluster: &Cluster, count: usize) -> Result<Held> {
    BrokerClient::open(cluster.broker_port())?.create_topic(TOPIC, 1, 1)?;
    let message = |n: usize| {
        let (key, delay) = (format!("UNIQUE-{n:012}"), (86_400 + n % 80_000).to_string());
        send(TOPIC, &[("UNIQ_KEY", &key), ("TIMER_DELAY_SEC", &delay)])
    };
    all(cluster.broker_port(), count, &message)?;
    Ok(Held::new())
}

/// Queues with a message each, so many to a topic.
pub(super) fn queues(cluster: &Cluster, count: usize, per_topic: usize) -> Result<Held> {
    /// Topics that are made by one request.
    const TOGETHER: usize = 1000;
    let mut connection = Connection::open(cluster.broker_port())?;
    let topics = count.div_ceil(per_topic);
    for from in (0..topics).step_by(TOGETHER) {
        let topics: Vec<_> = (from..topics.min(from + TOGETHER))
            .map(|n| {
                json!({"topicName": format!("scale-{n}"), "readQueueNums": per_topic, "writeQueueNums": per_topic, "perm": 6,
                    "topicFilterType": "SINGLE_TAG", "topicSysFlag": 0, "order": false, "attributes": {}})
            })
            .collect();
        let list = json!({"topicConfigList": topics}).to_string();
        connection.done(&Request::new(code::UPDATE_AND_CREATE_TOPIC_LIST).body(list))?;
    }
    all(cluster.broker_port(), count, &|n| {
        let (topic, queue) = (format!("scale-{}", n / per_topic), (n % per_topic) as i32);
        send_to(&topic, queue, &[("UNIQ_KEY", &format!("UNIQUE-{n:012}"))])
    })?;
    Ok(Held::new())
}

/// Connections that wait for the next message, a hundred of each group.
pub(super) fn polls(cluster: &Cluster, count: usize) -> Result<Held> {
    wait_for_messages(cluster, count, count.div_ceil(100), 64)
}

/// Groups that wait for the next message of the same queue, are given some, and wait again.
pub(super) fn groups(cluster: &Cluster, count: usize) -> Result<Held> {
    const MESSAGES: i64 = 20;
    let mut held = wait_for_messages(cluster, count, count, 1)?;
    for n in 0..MESSAGES {
        all(cluster.broker_port(), 1, &|_| send(TOPIC, &[("UNIQ_KEY", "UNIQUE")]))?;
        for (group, connection) in held.iter_mut().enumerate() {
            let answer = connection.any_answer()?;
            ensure!(answer.code == 0, "{} {}", answer.code, answer.remark);
            connection.send(&pull(group, 0, n + 1))?;
        }
    }
    Ok(held)
}

fn wait_for_messages(cluster: &Cluster, count: usize, groups: usize, queues: u32) -> Result<Held> {
    BrokerClient::open(cluster.broker_port())?.create_topic(TOPIC, queues, queues)?;
    let mut held = Held::new();
    for n in 0..count {
        let mut connection = Connection::open(cluster.broker_port())?;
        connection.send(&pull(n % groups, n % queues as usize, 0))?;
        held.push(connection);
    }
    Ok(held)
}

pub(super) fn pull(group: usize, queue: usize, offset: i64) -> Request {
    /// The broker may hold it, and the subscription is in it.
    const FLAGS: i32 = 2 | 4;
    Request::new(code::PULL_MESSAGE)
        .field("consumerGroup", format!("scale-{group}"))
        .field("topic", TOPIC)
        .field("queueId", queue)
        .field("queueOffset", offset)
        .field("maxMsgNums", 32)
        .field("sysFlag", FLAGS)
        .field("commitOffset", 0)
        .field("suspendTimeoutMillis", 600_000)
        .field("subscription", "*")
        .field("subVersion", 1)
}

pub(super) fn send(topic: &str, properties: &[(&str, &str)]) -> Request {
    send_to(topic, 0, properties)
}

fn send_to(topic: &str, queue: i32, properties: &[(&str, &str)]) -> Request {
    Draft { topic, queue, body: b"0123456789abcdef", properties }.request()
}
