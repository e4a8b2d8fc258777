//! Producers by group.

use super::{Client, EXPIRED};
use gantry_remoting::body::Connection;
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

    /// One of the group's connections, each in its turn.
    pub(crate) fn any(&self, group: &str) -> Option<Arc<Peer>> {
        let groups = self.groups.read();
        let clients = groups.get(group)?;
        let nth = self.turn.fetch_add(1, Ordering::Relaxed) % clients.len().max(1);
        clients.values().nth(nth).map(|client| Arc::clone(&client.peer))
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.read().values().map(BTreeMap::len).sum()
    }
}
