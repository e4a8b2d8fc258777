//! Topologies, remembered and asked for again from time to time.

use super::{NameServers, Topology};
use crate::client::Error;
use gantry_message::name::DEFAULT_TOPIC;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A route older than this is asked for again, as Apache's clients do.
const FRESH: Duration = Duration::from_secs(30);

/// The topologies that one client knows.
#[derive(Debug)]
pub struct Routes {
    name_servers: NameServers,
    known: Mutex<HashMap<String, (Arc<Topology>, Instant)>>,
}

impl Routes {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(name_servers: NameServers) -> Self {
        Self { name_servers, known: Mutex::default() }
    }

    /// The name servers behind.
    #[must_use]
    pub fn name_servers(&self) -> &NameServers {
        &self.name_servers
    }

    /// The topology of a topic that exists.
    ///
    /// # Errors
    /// [`Error::UnknownTopic`] when it does not; others when no name server answers and nothing is remembered.
    pub async fn existing(&self, topic: &str) -> Result<Arc<Topology>, Error> {
        if let Some(fresh) = self.fresh(topic).filter(|topology| !topology.inherited) {
            return Ok(fresh);
        }
        match self.name_servers.route(topic).await {
            Ok(route) => Ok(self.remember(Topology::new(topic, &route))),
            Err(error) => self.remembered(topic, error),
        }
    }

    /// The topology of a topic to send to: one that exists, or will by its first message.
    ///
    /// # Errors
    /// [`Error::UnknownTopic`] when it does not exist and brokers do not make topics by themselves, [`Error::NoBroker`]
    /// when there are none.
    pub async fn for_sending(&self, topic: &str) -> Result<Arc<Topology>, Error> {
        if let Some(fresh) = self.fresh(topic) {
            return Ok(fresh);
        }
        match self.existing(topic).await {
            Err(unknown @ Error::UnknownTopic { .. }) => match self.name_servers.route(DEFAULT_TOPIC).await {
                Ok(parent) => Ok(self.remember(Topology::inherited(topic, &parent))),
                Err(Error::UnknownTopic { .. }) => Err(self.name_servers.why_unknown(unknown).await),
                Err(error) => Err(error),
            },
            other => other,
        }
    }

    /// Has the next call ask again.
    pub fn mark_stale(&self, topic: &str) {
        if let Some((_, asked)) = self.known.lock().get_mut(topic)
            && let Some(long_ago) = Instant::now().checked_sub(FRESH)
        {
            *asked = long_ago;
        }
    }

    fn fresh(&self, topic: &str) -> Option<Arc<Topology>> {
        let known = self.known.lock();
        let (topology, asked) = known.get(topic)?;
        (asked.elapsed() < FRESH).then(|| Arc::clone(topology))
    }

    fn remember(&self, topology: Topology) -> Arc<Topology> {
        let topology = Arc::new(topology);
        self.known.lock().insert(topology.topic.clone(), (Arc::clone(&topology), Instant::now()));
        topology
    }

    /// While no name server answers, what was true before is the best there is.
    fn remembered(&self, topic: &str, error: Error) -> Result<Arc<Topology>, Error> {
        if matches!(error, Error::UnknownTopic { .. }) {
            self.known.lock().remove(topic);
            return Err(error);
        }
        let mut known = self.known.lock();
        match known.get_mut(topic).filter(|(topology, _)| !topology.inherited) {
            Some((topology, asked)) => {
                // Asking takes its time while nobody answers: not before the next turn.
                *asked = Instant::now();
                Ok(Arc::clone(topology))
            }
            None => Err(error),
        }
    }
}
