//! What the table answers. Cost is that of the answer: nothing here walks all topics for a route.

use super::{Entry, Group, MASTER, RouteTable};
use gantry_remoting::body::{
    BrokerData, BrokerMembers, ClusterInfo, PERM_WRITE, QueueData, TopicList, TopicRoute,
};
use std::collections::{BTreeMap, BTreeSet};

/// Brokers read the members of their own group by the route of this topic; they must see them as they are.
const MEMBER_TOPIC_PREFIX: &str = "rmq_sys_SYNC_BROKER_MEMBER_";

impl Group {
    fn has_master(&self) -> bool {
        self.members.contains_key(&MASTER)
    }

    fn addrs(&self) -> BTreeMap<i64, String> {
        self.members.iter().map(|(id, member)| (*id, member.addr.clone())).collect()
    }

    fn broker_data(&self, name: &str) -> BrokerData {
        BrokerData {
            broker_addrs: self.addrs(),
            broker_name: name.to_owned(),
            cluster: self.cluster.clone(),
            enable_acting_master: self.acting_master,
        }
    }

    /// A group whose master is away, with a slave in its place, takes no messages.
    fn perm(&self, entry: &Entry) -> i32 {
        if self.acting_master && !self.has_master() { entry.perm() & !PERM_WRITE } else { entry.perm() }
    }
}

impl RouteTable {
    /// Where a topic lives. With `acting_masters`, a slave that stands in for its master is shown as the master.
    pub(crate) fn route(&self, topic: &str, acting_masters: bool) -> Option<TopicRoute> {
        let mut route = TopicRoute::default();
        for name in self.topics.get(topic)? {
            let Some(group) = self.groups.get(name) else { continue };
            let Some(entry) = group.topics.get(topic) else { continue };
            let perm = group.perm(entry);
            let mut brokers = group.broker_data(name);
            if acting_masters
                && group.acting_master
                && !group.has_master()
                && perm & PERM_WRITE == 0
                && !topic.starts_with(MEMBER_TOPIC_PREFIX)
                && let Some((_, addr)) = brokers.broker_addrs.pop_first()
            {
                brokers.broker_addrs.insert(MASTER, addr);
            }
            route.broker_datas.push(brokers);
            route.queue_datas.push(QueueData {
                broker_name: name.to_string(),
                perm,
                read_queue_nums: entry.queues.read,
                topic_sys_flag: entry.queues.sys_flag,
                write_queue_nums: entry.queues.write,
            });
        }
        (!route.broker_datas.is_empty()).then_some(route)
    }

    /// All groups, by name and by cluster.
    pub(crate) fn cluster_info(&self) -> ClusterInfo {
        let mut info = ClusterInfo::default();
        for (name, group) in &self.groups {
            info.broker_addr_table.insert(name.to_string(), group.broker_data(name));
            info.cluster_addr_table.entry(group.cluster.clone()).or_default().push(name.to_string());
        }
        info
    }

    /// The live members of a group; none for an unknown one.
    pub(crate) fn members(&self, cluster: &str, name: &str) -> BrokerMembers {
        let broker_addrs = self.groups.get(name).map(Group::addrs).unwrap_or_default();
        BrokerMembers { broker_addrs, broker_name: name.to_owned(), cluster: cluster.to_owned() }
    }

    /// Every topic.
    pub(crate) fn topics(&self) -> TopicList {
        let mut topic_list: Vec<_> = self.topics.keys().map(ToString::to_string).collect();
        topic_list.sort_unstable();
        TopicList { broker_addr: None, topic_list }
    }

    /// The topics of one cluster.
    pub(crate) fn topics_of_cluster(&self, cluster: &str) -> TopicList {
        let groups = self.groups.values().filter(|group| group.cluster == cluster);
        let topics: BTreeSet<_> = groups.flat_map(|group| group.topics.keys()).collect();
        TopicList { broker_addr: None, topic_list: topics.into_iter().map(ToString::to_string).collect() }
    }

    /// The names of clusters and brokers, which are topics too, and a broker that knows the other system topics.
    pub(crate) fn system_topics(&self) -> TopicList {
        let clusters = self.groups.values().map(|group| group.cluster.as_str());
        let names: BTreeSet<&str> = self.groups.keys().map(|name| &**name).chain(clusters).collect();
        let mut members = self.groups.values().flat_map(|group| group.members.values());
        TopicList {
            broker_addr: members.next().map(|member| member.addr.clone()),
            topic_list: names.into_iter().map(str::to_owned).collect(),
        }
    }

    /// How many brokers and topics there are.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.groups.values().map(|group| group.members.len()).sum(), self.topics.len())
    }
}
