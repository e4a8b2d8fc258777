//! Trouble with brokers, told once however many queues meet it.

use super::note::Note;
use super::shared::Shared;
use crate::client::Error;
use gantry_remoting::body::MessageQueue;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};

/// What is in trouble, and which kinds the user knows of.
#[derive(Debug, Default)]
pub(super) struct Troubles(Mutex<BTreeMap<String, BTreeSet<String>>>);

/// However a connection fails, it is one kind of trouble.
const CONNECTION: &str = "connection";
const SHARING: &str = "sharing the queues";

fn kind(error: &Error) -> String {
    match error {
        Error::Remoting(_) | Error::NoNameServer { .. } => CONNECTION.into(),
        other => other.to_string(),
    }
}

fn topic_on(queue: &MessageQueue) -> String {
    format!("{} on {}", queue.topic, queue.broker_name)
}

impl Troubles {
    /// Remembers the trouble; true when it is news.
    fn add(&self, what: &str, error: &Error) -> bool {
        self.0.lock().entry(what.to_owned()).or_default().insert(kind(error))
    }

    /// Forgets all trouble with `what`; true when there was some.
    fn remove(&self, what: &str) -> bool {
        self.0.lock().remove(what).is_some()
    }

    fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    fn has_connection_trouble(&self) -> bool {
        self.0.lock().values().any(|kinds| kinds.contains(CONNECTION))
    }
}

impl Shared {
    /// Tells of trouble with a queue, unless it is known of the queues beside.
    pub(super) fn trouble_with(&self, queue: &MessageQueue, error: &Error) {
        let what = match error {
            Error::UnknownTopic { topic, .. } => topic.clone(),
            error if kind(error) == CONNECTION => queue.broker_name.clone(),
            _ => topic_on(queue),
        };
        if self.troubles.add(&what, error) {
            self.note(Note::Trouble { what, error: error.to_string() });
        }
    }

    /// Tells of trouble with sharing the queues, unless a broker's trouble explains it.
    pub(super) fn trouble_with_sharing(&self, error: &Error) {
        let explained = kind(error) == CONNECTION && self.troubles.has_connection_trouble();
        if !explained && self.troubles.add(SHARING, error) {
            self.note(Note::Trouble { what: SHARING.into(), error: error.to_string() });
        }
    }

    /// A queue does what it should.
    pub(super) fn all_is_well_with(&self, queue: &MessageQueue) {
        if self.troubles.is_empty() {
            return;
        }
        for what in [queue.broker_name.clone(), queue.topic.clone(), topic_on(queue)] {
            if self.troubles.remove(&what) {
                self.note(Note::Recovered { what });
            }
        }
    }

    /// The queues are shared.
    pub(super) fn sharing_is_well(&self) {
        self.troubles.remove(SHARING);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::RemotingError;

    #[test]
    fn trouble_is_news_once_and_again_after_it_was_over() {
        let troubles = Troubles::default();
        let closed = Error::from(RemotingError::Closed("h:1".into()));
        let refused = Error::from(RemotingError::Connect {
            addr: "h:1".into(),
            source: std::io::ErrorKind::NotFound.into(),
        });
        let other = Error::NoBroker { addr: "h:1".into() };
        assert!(troubles.add("a", &closed));
        assert!(!troubles.add("a", &refused), "the same trouble, only later");
        assert!(troubles.add("a", &other) && troubles.add("b", &closed));
        assert!(troubles.has_connection_trouble());
        assert!(troubles.remove("a") && !troubles.remove("a"));
        assert!(troubles.add("a", &closed));
    }
}
