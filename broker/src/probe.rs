//! What the broker tells Kubernetes and Prometheus of itself.

use crate::broker::Broker;
use crate::metrics;
use gantry_probes::Status;
use gantry_store::Progress;
use parking_lot::Mutex;
use std::sync::Arc;

/// How far the broker's life has got.
pub(crate) struct Probe(Mutex<Phase>);

enum Phase {
    Recovering(Arc<Progress>),
    Serving(Arc<Broker>),
    Leaving(Arc<Broker>),
}

impl Probe {
    /// Of a broker whose store is being opened.
    pub(crate) fn recovering(progress: &Arc<Progress>) -> Self {
        Self(Mutex::new(Phase::Recovering(Arc::clone(progress))))
    }

    /// The store is open.
    pub(crate) fn serving(&self, broker: &Arc<Broker>) {
        *self.0.lock() = Phase::Serving(Arc::clone(broker));
    }

    /// The shutdown began.
    pub(crate) fn leaving(&self, broker: &Arc<Broker>) {
        *self.0.lock() = Phase::Leaving(Arc::clone(broker));
    }
}

impl Status for Probe {
    fn ready(&self) -> Result<(), String> {
        match &*self.0.lock() {
            Phase::Recovering(progress) => Err(format!("recovering the store: {progress}")),
            Phase::Serving(broker) if broker.registration.is_done() => Ok(()),
            Phase::Serving(_) => Err("registering".into()),
            Phase::Leaving(_) => Err("leaving".into()),
        }
    }

    fn metrics(&self) -> String {
        let broker = match &*self.0.lock() {
            Phase::Recovering(_) => None,
            Phase::Serving(broker) | Phase::Leaving(broker) => Some(Arc::clone(broker)),
        };
        broker.map(|broker| metrics::text(&broker)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_without_its_store_is_alive_but_not_ready() {
        let probe = Probe::recovering(&Arc::default());
        assert_eq!(probe.ready(), Err("recovering the store: looking at its files".into()));
        assert_eq!(probe.metrics(), "");
    }
}
