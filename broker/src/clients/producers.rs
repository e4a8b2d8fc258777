//! Producers by group.

use super::{Client, EXPIRED, Kind};
use gantry_remoting::body::{Connection, ProducerInfo};
use gantry_remoting::server::Peer;
use parking_lot::RwLock;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

type ById = BTreeMap<Box<str>, Client>;

/// Producer groups and their clients.
#[derive(Debug, Default)]
pub(crate) struct Producers {
    groups: RwLock<HashMap<Box<str>, ById>>,
    turn: AtomicUsize,
}

impl Producers {
    pub(crate) fn heartbeat(&self, group: &str, client_id: &str, client: Client) {
        self.groups.write().entry(group.into()).or_default().insert(client_id.into(), client);
    }

    pub(crate) fn remove(&self, group: &str, client_id: &str) {
        let mut groups = self.groups.write();
        if let Some(clients) = groups.get_mut(group) {
            clients.remove(client_id);
        }
        groups.retain(|_, clients| !clients.is_empty());
    }

    /// Drops the clients of a connection that is gone.
    pub(crate) fn disconnect(&self, peer: &Arc<Peer>) {
        self.retain(|client| !Arc::ptr_eq(&client.peer, peer));
    }

    pub(crate) fn expire(&self, now: Instant) {
        self.retain(|client| now.duration_since(client.seen) < EXPIRED);
    }

    fn retain(&self, keep: impl Fn(&Client) -> bool) {
        let mut groups = self.groups.write();
        groups.retain(|_, clients| {
            clients.retain(|_, client| keep(client));
            !clients.is_empty()
        });
    }

    /// The group's clients; `None` when there is none.
    pub(crate) fn connections(&self, group: &str) -> Option<Vec<Connection>> {
        let groups = self.groups.read();
        Some(groups.get(group)?.iter().map(|(id, client)| client.connection(id)).collect())
    }

    /// All clients. `boot` is the time of `started`, in milliseconds since the epoch.
    pub(crate) fn table(&self, boot: i64, started: Instant) -> BTreeMap<String, Vec<ProducerInfo>> {
        let info = |id: &str, client: &Client| ProducerInfo {
            client_id: id.to_owned(),
            remote_ip: client.peer.addr().ip().to_string(),
            language: client.language.name().into(),
            version: client.version,
            last_update_timestamp: boot + client.seen.saturating_duration_since(started).as_millis() as i64,
        };
        let groups = self.groups.read();
        groups
            .iter()
            .map(|(group, clients)| {
                (group.to_string(), clients.iter().map(|(id, client)| info(id, client)).collect())
            })
            .collect()
    }

    /// One of the group's connections, each in its turn.
    pub(crate) fn any(&self, group: &str) -> Option<Arc<Peer>> {
        let groups = self.groups.read();
        let clients = groups.get(group)?;
        let nth = self.turn.fetch_add(1, Ordering::Relaxed) % clients.len().max(1);
        clients.values().nth(nth).map(|client| Arc::clone(&client.peer))
    }

    /// The connection of a client, whatever its group.
    pub(crate) fn find(&self, client_id: &str) -> Option<Arc<Peer>> {
        let groups = self.groups.read();
        groups.values().find_map(|clients| clients.get(client_id)).map(|client| Arc::clone(&client.peer))
    }

    /// How many clients there are of each kind.
    pub(crate) fn kinds(&self) -> BTreeMap<Kind, usize> {
        let mut kinds = BTreeMap::new();
        for client in self.groups.read().values().flat_map(BTreeMap::values) {
            *kinds.entry(client.kind()).or_default() += 1;
        }
        kinds
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.read().values().map(BTreeMap::len).sum()
    }
}
