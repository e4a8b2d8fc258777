//! What the broker tells Kubernetes and Prometheus of itself.

use crate::broker::Broker;
use crate::metrics;
use gantry_probes::Status;
use parking_lot::Mutex;
use std::sync::Arc;

/// How far the broker's life has got.
#[derive(Default)]
pub(crate) struct Probe(Mutex<Phase>);

#[derive(Default)]
enum Phase {
    #[default]
    Recovering,
    Serving(Arc<Broker>),
    Leaving(Arc<Broker>),
}

impl Probe {
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
            Phase::Recovering => Err("recovering the store".into()),
            Phase::Serving(broker) if broker.registration.is_done() => Ok(()),
            Phase::Serving(_) => Err("registering".into()),
            Phase::Leaving(_) => Err("leaving".into()),
        }
    }

    fn metrics(&self) -> String {
        let broker = match &*self.0.lock() {
            Phase::Recovering => None,
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
        let probe = Probe::default();
        assert_eq!(probe.ready(), Err("recovering the store".into()));
        assert_eq!(probe.metrics(), "");
    }
}
