//! The route table: groups of brokers, what each serves, and which groups have a topic. Pure: no I/O, and told the time.
//!
//! A *group* is what the protocol calls a broker name: a master (id 0) and its slaves, which serve the same topics. A
//! group owns its topics; the index says which groups have a topic, so that a route costs one look-up and one per group,
//! however many topics there are.

mod judgement;
mod outside;
#[cfg(test)]
mod properties;
mod read;
mod register;
#[cfg(test)]
mod tests;

pub(crate) use judgement::Stale;
pub(crate) use register::{Registration, Rejected};

use gantry_remoting::body::{DataVersion, PERM_READ, PERM_WRITE};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Silence after which a broker is gone, unless it asks for another time.
pub(crate) const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(120);
/// The id of a master.
pub(crate) const MASTER: i64 = 0;

type Name = Arc<str>;

/// Connections in the order in which they were accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// Who a broker says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) cluster: String,
    /// Its group.
    pub(crate) name: String,
    pub(crate) id: i64,
    pub(crate) addr: String,
}

/// A topic's queues on one group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Queues {
    pub(crate) read: i32,
    pub(crate) write: i32,
    pub(crate) perm: i32,
    pub(crate) sys_flag: i32,
}

/// What is known of all brokers.
///
/// Holds at all times: a group has a member; an address belongs to one member; a topic is in the index under a group
/// exactly if the group has it.
#[derive(Debug, Default)]
pub(crate) struct RouteTable {
    groups: BTreeMap<Name, Group>,
    topics: HashMap<Name, BTreeSet<Name>>,
}

#[derive(Debug)]
struct Group {
    cluster: String,
    /// A slave may stand in for the master in what needs no writing.
    acting_master: bool,
    members: BTreeMap<i64, Member>,
    topics: HashMap<Name, Entry>,
}

#[derive(Clone, Debug)]
struct Member {
    addr: String,
    ha_addr: String,
    /// By which clients outside reach it, if they do.
    external_addr: Option<String>,
    version: DataVersion,
    /// The connection that it registered over; its end is the member's.
    connection: ConnectionId,
    timeout: Duration,
    /// When it was last known to live.
    heard: Instant,
    /// When it last said that `version` is its version.
    confirmed: Instant,
}

#[derive(Debug)]
struct Entry {
    queues: Queues,
    /// Set by an operator (wipeWritePerm, addWritePerm); ends with the next registration of another version.
    perm: Option<i32>,
}

/// A broker that left the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Removed {
    pub(crate) name: String,
    pub(crate) id: i64,
    pub(crate) addr: String,
}

/// What an operator does to the permissions of a group's topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WritePerm {
    Wipe,
    Add,
}

impl Member {
    fn is_expired(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard) > self.timeout
    }
}

impl Entry {
    fn perm(&self) -> i32 {
        self.perm.unwrap_or(self.queues.perm)
    }
}

impl RouteTable {
    /// A broker takes its leave.
    ///
    /// Ignored over a connection older than the one it registered over: then it is the farewell of an earlier life.
    pub(crate) fn unregister(&mut self, name: &str, addr: &str, connection: ConnectionId) -> Vec<Removed> {
        self.remove(|group, _, member| {
            group == name && member.addr == addr && connection >= member.connection
        })
    }

    /// A connection ended; so did the brokers that registered over it.
    pub(crate) fn disconnected(&mut self, connection: ConnectionId) -> Vec<Removed> {
        self.remove(|_, _, member| member.connection == connection)
    }

    /// Removes the brokers that were silent for longer than they said they would be.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Removed> {
        self.remove(|_, _, member| member.is_expired(now))
    }

    /// A sign of life.
    pub(crate) fn heartbeat(&mut self, name: &str, addr: &str, now: Instant) {
        if let Some((_, member)) = self.member_mut(name, addr) {
            member.heard = now;
        }
    }

    /// A broker asks whether it must register in full: yes, if its version is not the one stored, or if the stored one
    /// came over an older connection, whose end is still to be noticed. Also a sign of life. Gives the stored version too.
    pub(crate) fn query_version(
        &mut self,
        identity: &Identity,
        version: DataVersion,
        connection: ConnectionId,
        now: Instant,
    ) -> (bool, Option<DataVersion>) {
        let Some((id, member)) = self.member_mut(&identity.name, &identity.addr) else { return (true, None) };
        member.heard = now;
        if member.version == version {
            member.confirmed = now;
        }
        let changed = member.version != version || id != identity.id || connection > member.connection;
        (changed, Some(member.version))
    }

    /// Wipes or adds the write permission of all topics of a group; says how many there are.
    pub(crate) fn write_perm(&mut self, name: &str, change: WritePerm) -> usize {
        let Some(group) = self.groups.get_mut(name) else { return 0 };
        for entry in group.topics.values_mut() {
            entry.perm = Some(match change {
                WritePerm::Wipe => entry.perm() & !PERM_WRITE,
                WritePerm::Add => PERM_READ | PERM_WRITE,
            });
        }
        group.topics.len()
    }

    /// Forgets a topic, on all groups or on those of one cluster. A broker that still has it brings it back.
    pub(crate) fn delete_topic(&mut self, topic: &str, cluster: Option<&str>) {
        let Some(names) = self.topics.get_mut(topic) else { return };
        names.retain(|name| {
            let Some(group) = self.groups.get_mut(name) else { return false };
            let keep = cluster.is_some_and(|cluster| cluster != group.cluster);
            if !keep {
                group.topics.remove(topic);
            }
            keep
        });
        if names.is_empty() {
            self.topics.remove(topic);
        }
    }

    fn member_mut(&mut self, name: &str, addr: &str) -> Option<(i64, &mut Member)> {
        let members = &mut self.groups.get_mut(name)?.members;
        members.iter_mut().find(|(_, member)| member.addr == addr).map(|(id, member)| (*id, member))
    }

    /// Removes the members that `gone` picks; a group without members goes with its topics.
    fn remove(&mut self, gone: impl Fn(&str, i64, &Member) -> bool) -> Vec<Removed> {
        let mut removed = Vec::new();
        let topics = &mut self.topics;
        self.groups.retain(|name, group| {
            group.members.retain(|id, member| {
                let gone = gone(name, *id, member);
                if gone {
                    removed.push(Removed { name: name.to_string(), id: *id, addr: member.addr.clone() });
                }
                !gone
            });
            if group.members.is_empty() {
                group.topics.keys().for_each(|topic| unlink(topics, topic, name));
            }
            !group.members.is_empty()
        });
        removed
    }
}

/// Takes a group out of a topic's index entry.
fn unlink(topics: &mut HashMap<Name, BTreeSet<Name>>, topic: &str, group: &str) {
    if let Some(names) = topics.get_mut(topic) {
        names.remove(group);
        if names.is_empty() {
            topics.remove(topic);
        }
    }
}
