//! What the name server tells Kubernetes and Prometheus of itself.

use crate::service::NameServer;
use gantry_probes::Status;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Without any broker, this long after the start there is none to wait for: each tries again every second.
const WARM_UP: Duration = Duration::from_secs(5);

/// What is counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Registrations that were taken.
    pub(crate) registrations: AtomicU64,
    /// Routes that were asked for, found or not.
    pub(crate) routes: AtomicU64,
}

/// The name server as probes see it.
pub(crate) struct Probe(pub(crate) Arc<NameServer>);

impl Status for Probe {
    /// A client that asks too early takes a topic for absent.
    fn ready(&self) -> Result<(), String> {
        let registered = self.0.counts.registrations.load(Ordering::Relaxed) > 0;
        if registered || self.0.started.elapsed() >= WARM_UP { Ok(()) } else { Err("warming up".into()) }
    }

    fn metrics(&self) -> String {
        let (brokers, topics) = self.0.routes.read().size();
        let counts = &self.0.counts;
        let mut registry = Registry::with_prefix("gantry_nameserver");
        let mut gauge = |name: &str, help: &str, value: usize| {
            registry.register(name, help, ConstGauge::<i64>::new(value as i64))
        };
        gauge("brokers", "Brokers that are registered", brokers);
        gauge("topics", "Topics that some broker has", topics);
        let mut counter = |name: &str, help: &str, value: &AtomicU64| {
            registry.register(name, help, ConstCounter::new(value.load(Ordering::Relaxed)));
        };
        counter("registrations", "Registrations taken since the start", &counts.registrations);
        counter("route_requests", "Routes asked for since the start", &counts.routes);
        let mut text = String::new();
        // Writing to memory does not fail.
        let _ = encode(&mut text, &registry);
        text
    }
}
