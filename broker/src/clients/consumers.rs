//! Consumers by group, and what each group subscribes to (Apache: `ConsumerManager`, `ConsumerGroupInfo`).

use super::{Client, EXPIRED, Kind};
use crate::clock::now_ms;
use crate::filter::Filter;
use gantry_remoting::body::{
    ConsumeFromWhere, ConsumeType, ConsumerConnection, ConsumerData, MessageModel, SubscriptionData,
};
use gantry_remoting::server::Peer;
use parking_lot::RwLock;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

/// Consumer groups.
#[derive(Debug, Default)]
pub(crate) struct Consumers {
    groups: RwLock<HashMap<Box<str>, Group>>,
}

#[derive(Debug, Default)]
struct Group {
    /// Since when somebody of it is connected: milliseconds since the epoch.
    since: i64,
    consume_type: ConsumeType,
    model: MessageModel,
    from_where: ConsumeFromWhere,
    clients: BTreeMap<Box<str>, Client>,
    subscriptions: BTreeMap<Box<str>, Subscription>,
}

/// What a group reads of one topic.
#[derive(Clone, Debug)]
struct Subscription {
    data: SubscriptionData,
    /// `None` when the expression is none.
    filter: Option<Filter>,
}

/// A group as a pull sees it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) model: MessageModel,
    /// The group's subscription to the topic, if it has one.
    pub(crate) subscription: Option<Subscribed>,
}

/// What a group reads of a topic, as a pull sees it.
#[derive(Clone, Debug)]
pub(crate) struct Subscribed {
    pub(crate) version: i64,
    /// `None` when the expression is none.
    pub(crate) filter: Option<Filter>,
}

impl Subscription {
    fn new(data: &SubscriptionData) -> Self {
        let filter = Filter::of(data);
        let code_set = filter.as_ref().map(|filter| filter.hashes().to_vec()).unwrap_or_default();
        Self { data: SubscriptionData { code_set, ..data.clone() }, filter }
    }
}

impl Group {
    /// Takes over a heartbeat's subscriptions; true when something changed that the others must know.
    fn subscribe(&mut self, data: &[SubscriptionData]) -> bool {
        let mut changed = false;
        for new in data {
            let known = self.subscriptions.get_mut(new.topic.as_str());
            match known {
                Some(known) if new.sub_version <= known.data.sub_version => continue,
                // A newer version alone (of an unchanged subscription, after a restart) is no news for the others.
                Some(known) => *known = Subscription::new(new),
                None => {
                    changed = true;
                    self.subscriptions.insert(new.topic.as_str().into(), Subscription::new(new));
                }
            }
        }
        let before = self.subscriptions.len();
        self.subscriptions.retain(|topic, _| data.iter().any(|new| new.topic == **topic));
        changed || self.subscriptions.len() != before
    }
}

impl Consumers {
    /// Registers a client's group. True when the group's members have to be told.
    pub(crate) fn heartbeat(
        &self,
        data: &ConsumerData,
        client_id: &str,
        client: Client,
        without_sub: bool,
    ) -> bool {
        let mut groups = self.groups.write();
        let group = groups
            .entry(data.group_name.as_str().into())
            .or_insert_with(|| Group { since: now_ms(), ..Group::default() });
        group.consume_type = data.consume_type;
        group.model = data.message_model;
        group.from_where = data.consume_from_where;
        let joined = match group.clients.insert(client_id.into(), client.clone()) {
            None => true,
            Some(before) => !Arc::ptr_eq(&before.peer, &client.peer),
        };
        let resubscribed = !without_sub && group.subscribe(&data.subscription_data_set);
        joined || resubscribed
    }

    /// Takes a client out of a group. True when it was in.
    pub(crate) fn remove(&self, group: &str, client_id: &str) -> bool {
        let mut groups = self.groups.write();
        let Some(found) = groups.get_mut(group) else { return false };
        let removed = found.clients.remove(client_id).is_some();
        if found.clients.is_empty() {
            groups.remove(group);
        }
        removed
    }

    /// Drops the clients of a connection that is gone; gives the groups that lost one.
    pub(crate) fn disconnect(&self, peer: &Arc<Peer>) -> Vec<Box<str>> {
        self.retain(|client| !Arc::ptr_eq(&client.peer, peer))
    }

    pub(crate) fn expire(&self, now: Instant) -> Vec<Box<str>> {
        self.retain(|client| now.duration_since(client.seen) < EXPIRED)
    }

    fn retain(&self, keep: impl Fn(&Client) -> bool) -> Vec<Box<str>> {
        let mut changed = Vec::new();
        self.groups.write().retain(|name, group| {
            let before = group.clients.len();
            group.clients.retain(|_, client| keep(client));
            if group.clients.len() != before {
                changed.push(name.clone());
            }
            !group.clients.is_empty()
        });
        changed
    }

    /// The group as a pull on `topic` sees it; `None` when nobody of it is online.
    pub(crate) fn member(&self, group: &str, topic: &str) -> Option<Member> {
        let groups = self.groups.read();
        let group = groups.get(group)?;
        let subscription = group.subscriptions.get(topic).map(|Subscription { data, filter }| Subscribed {
            version: data.sub_version,
            filter: filter.clone(),
        });
        Some(Member { model: group.model, subscription })
    }

    /// How a group consumes; `None` when nobody of it is online.
    pub(crate) fn model(&self, group: &str) -> Option<MessageModel> {
        Some(self.groups.read().get(group)?.model)
    }

    /// Since when somebody of the group has been online, in milliseconds since the epoch; `None` when nobody is.
    pub(crate) fn since(&self, group: &str) -> Option<i64> {
        Some(self.groups.read().get(group)?.since)
    }

    /// Client ids of a group, sorted.
    pub(crate) fn client_ids(&self, group: &str) -> Vec<String> {
        let groups = self.groups.read();
        groups
            .get(group)
            .map(|group| group.clients.keys().map(|id| id.to_string()).collect())
            .unwrap_or_default()
    }

    /// Connections of the group's members, unless it is a broadcasting one: those have nothing to rebalance.
    pub(crate) fn peers_to_notify(&self, group: &str) -> Vec<Arc<Peer>> {
        let groups = self.groups.read();
        match groups.get(group) {
            Some(group) if group.model != MessageModel::Broadcasting => {
                group.clients.values().map(|client| Arc::clone(&client.peer)).collect()
            }
            _ => Vec::new(),
        }
    }

    pub(crate) fn connection(&self, group: &str) -> Option<ConsumerConnection> {
        let groups = self.groups.read();
        let group = groups.get(group)?;
        Some(ConsumerConnection {
            connection_set: group.clients.iter().map(|(id, client)| client.connection(id)).collect(),
            consume_from_where: group.from_where,
            consume_type: group.consume_type,
            message_model: group.model,
            subscription_table: group
                .subscriptions
                .iter()
                .map(|(t, s)| (t.to_string(), s.data.clone()))
                .collect(),
        })
    }

    /// A member of a group.
    pub(crate) fn client(&self, group: &str, client_id: &str) -> Option<Client> {
        self.groups.read().get(group)?.clients.get(client_id).cloned()
    }

    /// Groups online that subscribe to `topic`.
    pub(crate) fn groups_of(&self, topic: &str) -> Vec<String> {
        let groups = self.groups.read();
        let subscribed = groups.iter().filter(|(_, group)| group.subscriptions.contains_key(topic));
        subscribed.map(|(name, _)| name.to_string()).collect()
    }

    /// How many members of each kind a group has, and how they get their messages.
    pub(crate) fn kinds(&self) -> BTreeMap<(Box<str>, Kind), (ConsumeType, usize)> {
        let mut kinds = BTreeMap::new();
        for (name, group) in &*self.groups.read() {
            for client in group.clients.values() {
                kinds.entry((name.clone(), client.kind())).or_insert((group.consume_type, 0)).1 += 1;
            }
        }
        kinds
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.read().values().map(|group| group.clients.len()).sum()
    }
}
