//! What the table answers to clients that reach brokers only by their external addresses: the same, with each broker's
//! address replaced by the external one that it registered. Who registered none is not there for them.

use super::RouteTable;
use gantry_remoting::body::{BrokerData, BrokerMembers, ClusterInfo, TopicList, TopicRoute};
use std::collections::BTreeMap;

impl RouteTable {
    /// As [`route`](Self::route); none when no broker of the topic can be reached from outside.
    pub(crate) fn route_outside(&self, topic: &str, acting_masters: bool) -> Option<TopicRoute> {
        let mut route = self.route(topic, acting_masters)?;
        route.broker_datas.retain_mut(|brokers| self.show_outside(brokers));
        let brokers = &route.broker_datas;
        route.queue_datas.retain(|queues| brokers.iter().any(|b| b.broker_name == queues.broker_name));
        (!route.broker_datas.is_empty()).then_some(route)
    }

    /// As [`cluster_info`](Self::cluster_info).
    pub(crate) fn cluster_info_outside(&self) -> ClusterInfo {
        let mut info = self.cluster_info();
        info.broker_addr_table.retain(|_, brokers| self.show_outside(brokers));
        let brokers = &info.broker_addr_table;
        info.cluster_addr_table.retain(|_, names| {
            names.retain(|name| brokers.contains_key(name));
            !names.is_empty()
        });
        info
    }

    /// As [`members`](Self::members).
    pub(crate) fn members_outside(&self, cluster: &str, name: &str) -> BrokerMembers {
        let mut members = self.members(cluster, name);
        self.translate(name, &mut members.broker_addrs);
        members
    }

    /// As [`system_topics`](Self::system_topics).
    pub(crate) fn system_topics_outside(&self) -> TopicList {
        let mut members = self.groups.values().flat_map(|group| group.members.values());
        TopicList {
            broker_addr: members.find_map(|member| member.external_addr.clone()),
            ..self.system_topics()
        }
    }

    /// False when nothing of it can be shown.
    fn show_outside(&self, brokers: &mut BrokerData) -> bool {
        self.translate(&brokers.broker_name, &mut brokers.broker_addrs);
        !brokers.broker_addrs.is_empty()
    }

    /// By address and not by id: a slave that is shown as the master has another id than its own.
    fn translate(&self, name: &str, addrs: &mut BTreeMap<i64, String>) {
        let group = self.groups.get(name);
        addrs.retain(|_, addr| {
            let member = group.and_then(|group| group.members.values().find(|member| member.addr == *addr));
            let external = member.and_then(|member| member.external_addr.as_ref());
            if let Some(external) = external {
                addr.clone_from(external);
            }
            external.is_some()
        });
    }
}
