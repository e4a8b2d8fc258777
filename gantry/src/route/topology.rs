//! A route as clients use it. Pure; mirrors `MQClientInstance.topicRouteData2TopicPublishInfo` and
//! `topicRouteData2TopicSubscribeInfo`, for the order of the queues decides where a sharding key goes.

use gantry_remoting::body::{MessageQueue, PERM_READ, PERM_WRITE, QueueData, TopicRoute};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Id of a broker name's master: the only one that is written to.
pub const MASTER: i64 = 0;
/// Queues that a client asks for when its first message makes a topic (Apache: `defaultTopicQueueNums`).
pub const DEFAULT_QUEUES: i32 = 4;

/// The queues of one topic and the addresses behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// The topic.
    pub topic: String,
    /// Queues that can be written to, in the order that a hash of a sharding key counts by.
    pub writable: Vec<MessageQueue>,
    /// Queues that can be read from, sorted as the averaging needs them.
    pub readable: Vec<MessageQueue>,
    /// Addresses by broker name and broker id.
    pub brokers: BTreeMap<String, BTreeMap<i64, String>>,
    /// The topic does not exist yet: these are the queues it will be made with.
    pub inherited: bool,
}

impl Topology {
    /// The topology of `topic` by its own route.
    #[must_use]
    pub fn new(topic: &str, route: &TopicRoute) -> Self {
        let brokers: BTreeMap<_, _> = route
            .broker_datas
            .iter()
            .map(|broker| (broker.broker_name.clone(), broker.broker_addrs.clone()))
            .collect();
        let writable = match route.order_topic_conf.as_deref() {
            Some(conf) if !conf.is_empty() => in_configured_order(topic, conf),
            _ => writable(topic, route, &brokers),
        };
        Self {
            topic: topic.to_owned(),
            writable,
            readable: readable(topic, route),
            brokers,
            inherited: false,
        }
    }

    /// What `topic` will be like once its first message has made it, by the route of the topic that new ones inherit
    /// from.
    #[must_use]
    pub fn inherited(topic: &str, parent: &TopicRoute) -> Self {
        let mut route = parent.clone();
        for queues in &mut route.queue_datas {
            let count = DEFAULT_QUEUES.min(queues.read_queue_nums);
            queues.read_queue_nums = count;
            queues.write_queue_nums = count;
        }
        Self { inherited: true, ..Self::new(topic, &route) }
    }

    /// The address of a broker name's master.
    #[must_use]
    pub fn master(&self, broker_name: &str) -> Option<&str> {
        self.brokers.get(broker_name)?.get(&MASTER).map(String::as_str)
    }

    /// The address to read from: `wanted` if it is there, else the master, else any.
    #[must_use]
    pub fn reader(&self, broker_name: &str, wanted: i64) -> Option<(i64, &str)> {
        let addrs = self.brokers.get(broker_name)?;
        [wanted, MASTER]
            .into_iter()
            .find_map(|id| addrs.get_key_value(&id))
            .or_else(|| addrs.first_key_value())
            .map(|(id, addr)| (*id, addr.as_str()))
    }

    /// Every broker address, masters and slaves.
    pub fn addrs(&self) -> impl Iterator<Item = &str> {
        self.brokers.values().flat_map(BTreeMap::values).map(String::as_str)
    }

    /// The masters' addresses.
    pub fn masters(&self) -> impl Iterator<Item = &str> {
        self.brokers.keys().filter_map(|name| self.master(name))
    }
}

/// `broker-a:4;broker-b:4`: the order and the number of queues that an operator fixed. Malformed entries are left out.
fn in_configured_order(topic: &str, conf: &str) -> Vec<MessageQueue> {
    let entries = conf.split(';').filter_map(|entry| {
        let (broker_name, count) = entry.split_once(':')?;
        Some((broker_name, count.trim().parse().ok()?))
    });
    entries.flat_map(|(broker_name, count)| queues(topic, broker_name, count)).collect()
}

fn writable(
    topic: &str,
    route: &TopicRoute,
    brokers: &BTreeMap<String, BTreeMap<i64, String>>,
) -> Vec<MessageQueue> {
    let has_master = |name: &str| brokers.get(name).is_some_and(|addrs| addrs.contains_key(&MASTER));
    let mut datas: Vec<&QueueData> = route.queue_datas.iter().collect();
    datas.sort_by(|a, b| compare_as_java(&a.broker_name, &b.broker_name));
    datas
        .into_iter()
        .filter(|data| data.perm & PERM_WRITE != 0 && has_master(&data.broker_name))
        .flat_map(|data| queues(topic, &data.broker_name, data.write_queue_nums))
        .collect()
}

fn readable(topic: &str, route: &TopicRoute) -> Vec<MessageQueue> {
    let mut readable: Vec<_> = route
        .queue_datas
        .iter()
        .filter(|data| data.perm & PERM_READ != 0)
        .flat_map(|data| queues(topic, &data.broker_name, data.read_queue_nums))
        .collect();
    readable.sort_by(|a, b| {
        compare_as_java(&a.broker_name, &b.broker_name).then_with(|| a.queue_id.cmp(&b.queue_id))
    });
    readable.dedup();
    readable
}

fn queues(topic: &str, broker_name: &str, count: i32) -> impl Iterator<Item = MessageQueue> + use<> {
    let (topic, broker_name) = (topic.to_owned(), broker_name.to_owned());
    (0..count).map(move |queue_id| MessageQueue {
        broker_name: broker_name.clone(),
        queue_id,
        topic: topic.clone(),
    })
}

/// Java's `String.compareTo`: by UTF-16 code units. Every member of a group must sort alike.
#[must_use]
pub fn compare_as_java(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_remoting::body::{BrokerData, PERM_INHERIT};

    fn broker(name: &str, ids: &[i64]) -> BrokerData {
        let addrs = ids.iter().map(|id| (*id, format!("{name}-{id}:10911"))).collect();
        BrokerData { broker_name: name.into(), broker_addrs: addrs, ..BrokerData::default() }
    }

    fn data(name: &str, read: i32, write: i32, perm: i32) -> QueueData {
        QueueData {
            broker_name: name.into(),
            perm,
            read_queue_nums: read,
            write_queue_nums: write,
            topic_sys_flag: 0,
        }
    }

    fn names(queues: &[MessageQueue]) -> Vec<String> {
        queues.iter().map(|queue| format!("{}:{}", queue.broker_name, queue.queue_id)).collect()
    }

    #[test]
    fn queues_come_sorted_by_broker_whatever_the_route_says() {
        let route = TopicRoute {
            broker_datas: vec![broker("b", &[0]), broker("a", &[0, 1])],
            queue_datas: vec![data("b", 1, 2, 6), data("a", 2, 1, 6)],
            ..TopicRoute::default()
        };
        let topology = Topology::new("T", &route);
        assert_eq!(names(&topology.writable), ["a:0", "b:0", "b:1"]);
        assert_eq!(names(&topology.readable), ["a:0", "a:1", "b:0"]);
        assert_eq!(topology.masters().collect::<Vec<_>>(), ["a-0:10911", "b-0:10911"]);
        assert_eq!(topology.addrs().count(), 3);
    }

    #[test]
    fn permissions_and_missing_masters_are_respected() {
        let route = TopicRoute {
            broker_datas: vec![broker("a", &[0]), broker("slave-only", &[1]), broker("read-only", &[0])],
            queue_datas: vec![
                data("a", 1, 1, PERM_WRITE),
                data("slave-only", 1, 1, 6),
                data("read-only", 1, 1, PERM_READ),
                data("gone", 0, 1, 6),
            ],
            ..TopicRoute::default()
        };
        let topology = Topology::new("T", &route);
        assert_eq!(names(&topology.writable), ["a:0"]);
        assert_eq!(names(&topology.readable), ["read-only:0", "slave-only:0"]);
    }

    #[test]
    fn an_operators_order_wins() {
        let route = TopicRoute {
            broker_datas: vec![broker("a", &[0]), broker("b", &[0])],
            queue_datas: vec![data("a", 4, 4, 6), data("b", 4, 4, 6)],
            order_topic_conf: Some("b:2;nonsense;a:1".into()),
            ..TopicRoute::default()
        };
        assert_eq!(names(&Topology::new("T", &route).writable), ["b:0", "b:1", "a:0"]);
    }

    #[test]
    fn a_topic_that_is_not_made_yet_has_four_queues_at_most() {
        let parent = TopicRoute {
            broker_datas: vec![broker("a", &[0])],
            queue_datas: vec![data("a", 8, 8, PERM_READ | PERM_WRITE | PERM_INHERIT)],
            ..TopicRoute::default()
        };
        let topology = Topology::inherited("T", &parent);
        assert_eq!(names(&topology.writable), ["a:0", "a:1", "a:2", "a:3"]);
        assert!(topology.inherited);
    }

    #[test]
    fn a_reader_is_the_suggested_broker_or_the_next_best() {
        let route = TopicRoute {
            broker_datas: vec![broker("a", &[0, 2]), broker("s", &[3])],
            ..TopicRoute::default()
        };
        let topology = Topology::new("T", &route);
        assert_eq!(topology.reader("a", 2), Some((2, "a-2:10911")));
        assert_eq!(topology.reader("a", 1), Some((0, "a-0:10911")));
        assert_eq!(topology.reader("s", 0), Some((3, "s-3:10911")));
        assert_eq!(topology.reader("x", 0), None);
        assert_eq!(topology.master("s"), None);
    }
}
