//! Series of one moment, in the form that the registry wants them.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use std::fmt;

type Labels = Vec<(&'static str, String)>;

/// A value of a series.
#[derive(Debug)]
enum Value {
    Counter(f64),
    Gauge(f64),
    /// Sum, count, and how many there are in each bucket, by its upper bound.
    Histogram(f64, u64, Vec<(f64, u64)>),
}

/// Values of one name.
#[derive(Debug)]
struct Series {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    values: Vec<(Labels, Value)>,
}

/// All series of a moment. Each value has the labels of who tells, and its own.
#[derive(Debug)]
pub(super) struct AllSeries {
    node: Labels,
    series: Vec<Series>,
}

/// A series to which values are added.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name(usize);

impl AllSeries {
    pub(super) fn new(node: Labels) -> Self {
        Self { node, series: Vec::new() }
    }

    pub(super) fn counters(&mut self, name: &'static str, help: &'static str) -> Name {
        self.named(name, MetricType::Counter, help)
    }

    pub(super) fn gauges(&mut self, name: &'static str, help: &'static str) -> Name {
        self.named(name, MetricType::Gauge, help)
    }

    pub(super) fn histograms(&mut self, name: &'static str, help: &'static str) -> Name {
        self.named(name, MetricType::Histogram, help)
    }

    fn named(&mut self, name: &'static str, kind: MetricType, help: &'static str) -> Name {
        self.series.push(Series { name, help, kind, values: Vec::new() });
        Name(self.series.len() - 1)
    }

    /// Adds a number.
    pub(super) fn add(&mut self, name: Name, labels: &[(&'static str, &str)], value: f64) {
        let is_counter = self.series.get(name.0).is_some_and(|series| series.kind.as_str() == "counter");
        self.push(name, labels, if is_counter { Value::Counter(value) } else { Value::Gauge(value) });
    }

    /// Adds a histogram: `buckets` have their upper bounds, and how many are in each of them alone.
    pub(super) fn add_histogram(
        &mut self,
        name: Name,
        labels: &[(&'static str, &str)],
        sum: f64,
        buckets: Vec<(f64, u64)>,
    ) {
        let count = buckets.iter().map(|(_, count)| count).sum();
        self.push(name, labels, Value::Histogram(sum, count, buckets));
    }

    /// A series of one number.
    pub(super) fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        value: f64,
    ) {
        let name = self.gauges(name, help);
        self.add(name, labels, value);
    }

    fn push(&mut self, name: Name, labels: &[(&'static str, &str)], value: Value) {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let all = self.node.iter().cloned().chain(labels).collect();
        if let Some(series) = self.series.get_mut(name.0) {
            series.values.push((all, value));
        }
    }
}

impl Collector for AllSeries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for series in self.series.iter().filter(|series| !series.values.is_empty()) {
            let mut metric = encoder.encode_descriptor(series.name, series.help, None, series.kind)?;
            for (labels, value) in &series.values {
                let mut one = metric.encode_family(labels)?;
                match value {
                    Value::Counter(value) => one.encode_counter::<NoLabelSet, f64, f64>(value, None)?,
                    Value::Gauge(value) => one.encode_gauge(value)?,
                    Value::Histogram(sum, count, buckets) => {
                        one.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None)?;
                    }
                }
            }
        }
        Ok(())
    }
}
