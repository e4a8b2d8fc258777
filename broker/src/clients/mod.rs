//! Who is connected: consumers and producers by group, as their heartbeats say.

mod consumers;
mod producers;

pub(crate) use consumers::Consumers;
pub(crate) use producers::Producers;

use gantry_remoting::body::Connection;
use gantry_remoting::language::Language;
use gantry_remoting::server::Peer;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A client that sent no heartbeat for this long is gone (Apache: `CHANNEL_EXPIRED_TIMEOUT`).
pub(crate) const EXPIRED: Duration = Duration::from_secs(120);

/// A client of a group.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) peer: Arc<Peer>,
    pub(crate) language: Language,
    pub(crate) version: i32,
    pub(crate) seen: Instant,
}

/// What a client is, as far as it matters for counting them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) language: &'static str,
    pub(crate) version: i32,
}

impl Client {
    fn kind(&self) -> Kind {
        Kind { language: self.language.name(), version: self.version }
    }

    fn connection(&self, id: &str) -> Connection {
        Connection {
            client_addr: self.peer.addr().to_string(),
            client_id: id.into(),
            language: self.language.name().into(),
            version: self.version,
        }
    }
}
