//! When an announced scale flips: every name server tells of the new queues, clients had the time to ask for them, and no
//! producer seems not to have.

use super::producers::Producers;
use crate::broker::Broker;
use crate::topics::Topic;
use gantry_scaling::{Announced, Settle};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Topics that wait for their flip, or that are scaled and whose producers are still watched.
#[derive(Debug, Default)]
pub(crate) struct Settling {
    topics: Mutex<BTreeMap<String, Arc<Topic>>>,
}

/// How far one announced scale is.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    id: String,
    /// The topics' version that name servers have to know.
    version: i64,
    /// Since when all of them do.
    known_since: Option<Instant>,
    /// Producers are counted since half the time: before they could not know.
    counts: bool,
}

/// What an announced scale waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// For these name servers.
    NameServers(Vec<String>),
    /// For clients to ask them.
    Clients(Duration),
    /// For producers that seem stale, at most so long.
    Producers(Duration),
    /// For nothing.
    Flip,
}

impl Settling {
    /// Has the topic looked at from now on, if there is something to look at. Name servers have to know its settings as they are
    /// now.
    pub(super) fn look_at(&self, broker: &Broker, topic: &Arc<Topic>) {
        let Some(state) = topic.scales.now().filter(|state| state.is_active()) else { return };
        let mut wait = topic.scales.made().wait.lock();
        let announced = state.announced.as_ref().map(|announced| announced.id.as_str());
        if wait.as_ref().map(|wait| wait.id.as_str()) != announced {
            let version = broker.topics.version().counter;
            *wait = announced.map(|id| Wait { id: id.to_owned(), version, known_since: None, counts: false });
            topic.scales.made().producers.watch();
        }
        drop(wait);
        self.topics.lock().insert(topic.name().to_owned(), Arc::clone(topic));
    }

    /// Topics whose announced scale is to flip now.
    pub(super) fn due(&self, broker: &Broker) -> Vec<Arc<Topic>> {
        let mut topics = self.topics.lock();
        topics.retain(|name, topic| {
            let known = broker.topics.get(name).is_some_and(|now| Arc::ptr_eq(&now, topic));
            let stays = known && topic.scales.now().is_some_and(|state| state.is_active());
            if !stays {
                topic.scales.made().producers.stop();
                *topic.scales.made().wait.lock() = None;
            }
            stays
        });
        topics.values().filter(|topic| next(broker, topic) == Some(Next::Flip)).cloned().collect()
    }

    /// Topics whose number of queues is being changed.
    pub(crate) fn topics(&self) -> Vec<Arc<Topic>> {
        self.topics.lock().values().cloned().collect()
    }
}

/// What the topic's announced scale waits for; `None` when none is announced.
pub(super) fn next(broker: &Broker, topic: &Topic) -> Option<Next> {
    let state = topic.scales.now()?;
    let announced = state.announced.as_ref()?;
    let now = Instant::now();
    let mut wait = topic.scales.made().wait.lock();
    let Some(wait) = wait.as_mut().filter(|wait| wait.id == announced.id.as_str()) else {
        // It is being begun this moment.
        return Some(Next::Clients(duration(announced.settle.millis)));
    };
    let behind = broker.registration.behind(wait.version);
    Some(wait.next(&behind, announced, now, &topic.scales.made().producers))
}

impl Wait {
    fn next(
        &mut self,
        behind: &[String],
        announced: &Announced,
        now: Instant,
        producers: &Producers,
    ) -> Next {
        if !behind.is_empty() {
            // Whoever asked that one in the meantime was told of the old queues: the time begins anew.
            (self.known_since, self.counts) = (None, false);
            return Next::NameServers(behind.to_vec());
        }
        let passed = now.duration_since(*self.known_since.get_or_insert(now));
        let Settle { millis, max_millis } = announced.settle;
        let (settle, longest) = (duration(millis), duration(max_millis));
        if !self.counts && passed * 2 >= settle {
            self.counts = true;
            producers.count_anew();
        }
        if passed < settle {
            return Next::Clients(settle - passed);
        }
        if passed < longest && !producers.stale().is_empty() {
            return Next::Producers(longest - passed);
        }
        Next::Flip
    }
}

fn duration(millis: i64) -> Duration {
    Duration::from_millis(millis.max(0).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_scaling::ScaleId;

    fn announced() -> Announced {
        let settle = Settle { millis: 10_000, max_millis: 60_000 };
        Announced { id: ScaleId::new("s").unwrap(), from: 4, to: 8, settle, at: 0 }
    }

    #[test]
    fn the_time_to_settle_begins_when_the_last_name_server_knows() {
        let (producers, start) = (Producers::default(), Instant::now());
        let mut wait = Wait { id: "s".into(), version: 1, known_since: None, counts: false };
        let mut at = |seconds: u64, behind: &[String]| {
            wait.next(behind, &announced(), start + Duration::from_secs(seconds), &producers)
        };
        let behind = ["ns:1".to_owned()];
        assert_eq!(at(0, &behind), Next::NameServers(behind.to_vec()));
        assert_eq!(at(30, &[]), Next::Clients(Duration::from_secs(10)));
        assert_eq!(at(36, &[]), Next::Clients(Duration::from_secs(4)));
        assert_eq!(at(37, &behind), Next::NameServers(behind.to_vec()));
        assert_eq!(at(38, &[]), Next::Clients(Duration::from_secs(10)), "from the beginning");
        assert_eq!(at(48, &[]), Next::Flip);
    }
}
