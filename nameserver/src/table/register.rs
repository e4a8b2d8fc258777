//! Registration: who a broker is, and what it serves.

use super::judgement::{Holder, Stale, judge};
use super::{
    ConnectionId, Entry, Group, HEARTBEAT_TIMEOUT, Identity, MASTER, Member, Name, Queues, RouteTable,
};
use gantry_remoting::body::DataVersion;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// Brokers that one name server keeps.
const MAX_MEMBERS: usize = 10_000;
/// Topics of one group: more than any broker's files allow.
const MAX_TOPICS: usize = 500_000;

/// What a broker registers. Names are valid.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub(crate) identity: Identity,
    pub(crate) ha_addr: String,
    pub(crate) external_addr: Option<String>,
    pub(crate) timeout: Option<Duration>,
    /// Absent from brokers before 5.0.
    pub(crate) acting_master: Option<bool>,
    pub(crate) version: DataVersion,
    /// All topics, or only those that changed: nothing tells the two apart, so absence means nothing.
    pub(crate) topics: Vec<(String, Queues)>,
    /// Exactly one topic was sent.
    pub(crate) single: bool,
    pub(crate) connection: ConnectionId,
}

/// A registration went through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Registered {
    /// The group had no member of this id.
    pub(crate) first: bool,
    /// The version is not the one stored before.
    pub(crate) changed: bool,
    /// Address and replication address of the master, for a slave.
    pub(crate) master: Option<(String, String)>,
}

/// A registration changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejected {
    /// One topic of an unknown broker is a change whose beginning is missing: the broker's full table is due first.
    #[error(
        "this broker is not registered yet, and its first registration must have all its topics, not one"
    )]
    Incremental,
    #[error(transparent)]
    Stale(Stale),
    #[error("this name server keeps at most {MAX_MEMBERS} brokers")]
    TooManyBrokers,
    #[error("this name server keeps at most {MAX_TOPICS} topics of a broker")]
    TooManyTopics,
}

impl RouteTable {
    /// Drops the topics of a registration that would change nothing: nearly always all of them. This is most of the work,
    /// and can be done while clients read the table; nobody may change it between this and [`register`](Self::register).
    pub(crate) fn drop_known(&self, new: &mut Registration) {
        if let Some(group) = self.groups.get(new.identity.name.as_str()) {
            let known = |entry: &Entry, queues: &Queues| entry.perm.is_none() && entry.queues == *queues;
            new.topics.retain(|(topic, queues)| {
                !group.topics.get(topic.as_str()).is_some_and(|e| known(e, queues))
            });
        }
    }

    /// Takes a registration, or leaves everything as it is.
    pub(crate) fn register(&mut self, new: Registration, now: Instant) -> Result<Registered, Rejected> {
        if let Err(rejected) = self.admit(&new, now) {
            self.note_refused(&new, now);
            return Err(rejected);
        }
        let Registration { identity: Identity { cluster, name, id, addr }, version, connection, .. } = new;
        self.remove(|group, _, member| group != name && member.addr == addr);

        let name: Name =
            self.groups.get_key_value(name.as_str()).map_or_else(|| name.into(), |(key, _)| Name::clone(key));
        let group = self.groups.entry(Name::clone(&name)).or_insert_with(|| Group {
            cluster: cluster.clone(),
            acting_master: false,
            members: BTreeMap::new(),
            topics: HashMap::new(),
        });
        group.cluster = cluster;
        group.acting_master = new.acting_master.unwrap_or(false);
        group.members.retain(|other, member| *other == id || member.addr != addr);
        let before = group.members.get(&id);
        let first = before.is_none();
        let same = before.filter(|member| member.addr == addr);
        let changed = same.is_none_or(|member| member.version != version);
        let timeout = new.timeout.unwrap_or(HEARTBEAT_TIMEOUT);
        let external_addr = new.external_addr;
        let member = Member {
            addr,
            ha_addr: new.ha_addr,
            external_addr,
            version,
            connection,
            timeout,
            heard: now,
            confirmed: now,
        };
        group.members.insert(id, member);

        if leads(group, id, new.acting_master) {
            for (topic, queues) in new.topics {
                put(group, &mut self.topics, &name, topic, queues, changed);
            }
        }
        let master = group.members.get(&MASTER).filter(|_| id != MASTER);
        let master = master.map(|member| (member.addr.clone(), member.ha_addr.clone()));
        Ok(Registered { first, changed, master })
    }

    /// Takes one topic's queues on groups that are known; otherwise names the group that is not.
    pub(crate) fn register_topic(&mut self, topic: &str, queues: &[(String, Queues)]) -> Result<(), String> {
        if let Some((unknown, _)) = queues.iter().find(|(name, _)| !self.groups.contains_key(name.as_str())) {
            return Err(unknown.clone());
        }
        for (name, queues) in queues {
            let Some(name) = self.groups.get_key_value(name.as_str()).map(|(key, _)| Name::clone(key)) else {
                continue;
            };
            let Some(group) = self.groups.get_mut(&name) else { continue };
            put(group, &mut self.topics, &name, topic.to_owned(), *queues, true);
        }
        Ok(())
    }

    fn admit(&self, new: &Registration, now: Instant) -> Result<(), Rejected> {
        let Identity { name, id, addr, .. } = &new.identity;
        let group = self.groups.get(name.as_str());
        let held = group.and_then(|group| group.members.get(id));
        if let Some(held) = held {
            let leads = group.is_some_and(|group| leads(group, *id, new.acting_master));
            let holder = if held.addr == *addr { Holder::Itself { leads } } else { Holder::OtherAddress };
            judge(held, holder, &new.version, new.connection, now).map_err(Rejected::Stale)?;
        }
        for (other_name, other) in &self.groups {
            for (other_id, member) in &other.members {
                if member.addr == *addr && !(**other_name == **name && other_id == id) {
                    judge(member, Holder::OtherIdentity, &new.version, new.connection, now)
                        .map_err(Rejected::Stale)?;
                }
            }
        }
        if held.is_none() && new.single {
            return Err(Rejected::Incremental);
        }
        if held.is_none()
            && self.groups.values().map(|group| group.members.len()).sum::<usize>() >= MAX_MEMBERS
        {
            return Err(Rejected::TooManyBrokers);
        }
        let unknown = |topic: &str| group.is_none_or(|group| !group.topics.contains_key(topic));
        let had = group.map_or(0, |group| group.topics.len());
        if had + new.topics.len() > MAX_TOPICS
            && had + new.topics.iter().filter(|(topic, _)| unknown(topic)).count() > MAX_TOPICS
        {
            return Err(Rejected::TooManyTopics);
        }
        Ok(())
    }

    /// Over its own connection, even a refused registration shows that the broker lives.
    fn note_refused(&mut self, new: &Registration, now: Instant) {
        if let Some((id, member)) = self.member_mut(&new.identity.name, &new.identity.addr)
            && id == new.identity.id
            && member.connection == new.connection
        {
            member.heard = now;
        }
    }
}

/// Whose topics count: the master's, and without one those of the slave with the lowest id, if it is of an age to know
/// that role.
fn leads(group: &Group, id: i64, acting_master: Option<bool>) -> bool {
    id == MASTER || (acting_master.is_some() && group.members.keys().all(|other| *other >= id))
}

/// Sets a topic's queues on a group. What an operator did to its permission outlives registrations of one version.
fn put(
    group: &mut Group,
    index: &mut HashMap<Name, BTreeSet<Name>>,
    name: &Name,
    topic: String,
    queues: Queues,
    changed: bool,
) {
    if let Some(entry) = group.topics.get_mut(topic.as_str()) {
        entry.queues = queues;
        if changed {
            entry.perm = None;
        }
        return;
    }
    let topic: Name =
        index.get_key_value(topic.as_str()).map_or_else(|| topic.into(), |(key, _)| Name::clone(key));
    index.entry(Name::clone(&topic)).or_default().insert(Name::clone(name));
    group.topics.insert(topic, Entry { queues, perm: None });
}
