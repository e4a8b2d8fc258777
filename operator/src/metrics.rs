//! Numbers about the operator itself, for Prometheus.

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::time::Duration;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FailureLabels {
    kind: &'static str,
    error: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabels {
    kind: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WriteLabel {
    to: &'static str,
}

/// The operator's metrics.
pub(crate) struct Metrics {
    registry: Registry,
    durations: Family<KindLabel, Histogram>,
    failures: Family<FailureLabels, Counter>,
    writes: Family<WriteLabel, Counter>,
    objects: Family<StateLabels, Gauge>,
    leader: Gauge,
    sources: Mutex<Vec<Source>>,
}

/// The states of all objects of a kind, as the watch has them.
struct Source {
    kind: &'static str,
    states: Box<dyn Fn() -> Vec<&'static str> + Send + Sync>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("gantry_operator");
        let durations = Family::new_with_constructor(rounds as fn() -> Histogram);
        let failures = Family::default();
        let writes = Family::default();
        let objects = Family::default();
        let leader = Gauge::default();
        registry.register("reconcile_duration_seconds", "Time of a round for one object", durations.clone());
        registry.register("reconcile_failures", "Rounds that failed, by kind of error", failures.clone());
        registry.register(
            "writes",
            "Calls that change something, the Lease's renewals aside",
            writes.clone(),
        );
        registry.register("objects", "Objects by state", objects.clone());
        registry.register("leader", "1 while this operator is the one that works", leader.clone());
        Self { registry, durations, failures, writes, objects, leader, sources: Mutex::default() }
    }

    pub(crate) fn round(&self, kind: &'static str, took: Duration) {
        self.durations.get_or_create(&KindLabel { kind }).observe(took.as_secs_f64());
    }

    pub(crate) fn failure(&self, kind: &'static str, error: &'static str) {
        self.failures.get_or_create(&FailureLabels { kind, error }).inc();
    }

    /// A request that changes something was let through to the API server.
    pub(crate) fn wrote_to_kubernetes(&self) {
        self.writes.get_or_create(&WriteLabel { to: "kubernetes" }).inc();
    }

    /// An admin call that changes something was let through to a broker or name server.
    pub(crate) fn wrote_to_broker(&self) {
        self.writes.get_or_create(&WriteLabel { to: "broker" }).inc();
    }

    pub(crate) fn leads(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    /// Counts the objects of a kind by what `states` gives at each scrape.
    pub(crate) fn count(
        &self,
        kind: &'static str,
        states: impl Fn() -> Vec<&'static str> + Send + Sync + 'static,
    ) {
        self.sources.lock().push(Source { kind, states: Box::new(states) });
    }

    /// In the text format of OpenMetrics.
    pub(crate) fn text(&self) -> String {
        self.objects.clear();
        for Source { kind, states } in self.sources.lock().iter() {
            for state in states() {
                self.objects.get_or_create(&StateLabels { kind, state }).inc();
            }
        }
        let mut text = String::new();
        if let Err(error) = prometheus_client::encoding::text::encode(&mut text, &self.registry) {
            tracing::error!(%error, "cannot write metrics");
        }
        text
    }
}

/// From 5 ms to 10 s.
fn rounds() -> Histogram {
    Histogram::new(exponential_buckets(0.005, 2.0, 12))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_counted_by_state() {
        let metrics = Metrics::new();
        metrics.count("Topic", || vec!["Ready", "Ready", "Stalled"]);
        metrics.failure("Topic", "api");
        for _ in 0..2 {
            let text = metrics.text();
            assert!(text.contains(r#"gantry_operator_objects{kind="Topic",state="Ready"} 2"#), "{text}");
            assert!(text.contains(r#"gantry_operator_objects{kind="Topic",state="Stalled"} 1"#), "{text}");
            assert!(
                text.contains(r#"gantry_operator_reconcile_failures_total{kind="Topic",error="api"} 1"#),
                "{text}"
            );
        }
    }
}
