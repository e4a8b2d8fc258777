//! What dashboards of RocketMQ 5 ask for, under the names that they know (Apache: `BrokerMetricsConstant`,
//! `DefaultStoreMetricsConstant`).

use crate::backlog;
use crate::broker::{Broker, now_ms};
use gantry_message::{Record, name};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use std::fmt;

type Labels = Vec<(&'static str, String)>;

/// Values of one name.
#[derive(Debug)]
struct Series {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    values: Vec<(Labels, f64)>,
}

/// All series of a moment.
#[derive(Debug)]
pub(super) struct RocketMq(Vec<Series>);

impl Collector for RocketMq {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for series in self.0.iter().filter(|series| !series.values.is_empty()) {
            let mut metric = encoder.encode_descriptor(series.name, series.help, None, series.kind)?;
            for (labels, value) in &series.values {
                let mut one = metric.encode_family(labels)?;
                match series.kind {
                    MetricType::Counter => one.encode_counter::<NoLabelSet, f64, f64>(value, None)?,
                    _ => one.encode_gauge(value)?,
                }
            }
        }
        Ok(())
    }
}

/// Puts series together.
struct Collected {
    /// Who tells.
    node: Labels,
    series: Vec<Series>,
}

impl Collected {
    /// A series; values are added to it.
    fn series(&mut self, name: &'static str, kind: MetricType, help: &'static str) -> usize {
        self.series.push(Series { name, help, kind, values: Vec::new() });
        self.series.len() - 1
    }

    fn add(&mut self, series: usize, labels: &[(&'static str, &str)], value: f64) {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let all = self.node.iter().cloned().chain(labels).collect();
        if let Some(series) = self.series.get_mut(series) {
            series.values.push((all, value));
        }
    }

    fn gauge(&mut self, name: &'static str, help: &'static str, value: f64) {
        let series = self.series(name, MetricType::Gauge, help);
        self.add(series, &[], value);
    }
}

impl RocketMq {
    pub(super) fn of(broker: &Broker) -> Self {
        let node = vec![
            ("cluster", broker.config().broker_cluster_name.clone()),
            ("node_type", "broker".to_owned()),
            ("node_id", broker.config().broker_name.clone()),
        ];
        let mut all = Collected { node, series: Vec::new() };
        of_the_broker(broker, &mut all);
        of_topics(broker, &mut all);
        of_groups(broker, &mut all);
        Self(all.series)
    }
}

fn of_the_broker(broker: &Broker, all: &mut Collected) {
    let stats = broker.store.stats();
    let snapshot = broker.snapshot();
    all.gauge(
        "rocketmq_broker_permission",
        "What the broker may do: 2 write, 4 read",
        broker.config().broker_permission.into(),
    );
    all.gauge("rocketmq_topic_number", "Topics", snapshot.topics as f64);
    all.gauge("rocketmq_consumer_group_number", "Consumer groups", snapshot.groups as f64);
    all.gauge("rocketmq_producer_connections", "Producers online", snapshot.producers as f64);
    all.gauge("rocketmq_consumer_connections", "Consumers online", snapshot.consumers as f64);
    all.gauge("rocketmq_storage_size", "Bytes of the log", snapshot.log_bytes as f64);
    let behind = (stats.log_end - stats.durable) as f64;
    all.gauge("rocketmq_storage_flush_behind_bytes", "Bytes of the log that are not on the disk yet", behind);
    all.gauge(
        "rocketmq_storage_dispatch_behind_bytes",
        "Bytes of the log that consumers cannot find yet",
        0.0,
    );
    let first = broker.store.read_at(stats.log_start);
    let first = first.and_then(|bytes| Record::read(&bytes).ok().map(|(record, _)| record.store_timestamp));
    let reserved = first.map_or(0, |first| now_ms() - first);
    all.gauge(
        "rocketmq_storage_message_reserve_time",
        "Milliseconds since the oldest message was stored",
        reserved as f64,
    );
    let halves = broker.transactions.ledger().len() as f64;
    all.gauge("rocketmq_half_messages", "Transactions whose producer has not decided yet", halves);
    let timers = broker.timers.ledger();
    all.gauge(
        "rocketmq_timing_messages",
        "Messages that wait for their time of delivery",
        timers.len() as f64,
    );
    let late = timers.next_due().map_or(0, |due| (now_ms() - due).max(0));
    all.gauge(
        "rocketmq_timer_dequeue_latency",
        "Milliseconds by which the next delivery is late",
        late as f64,
    );
}

fn of_topics(broker: &Broker, all: &mut Collected) {
    let counter = MetricType::Counter;
    let put = all.series("rocketmq_messages_in", counter, "Messages stored");
    let put_bytes = all.series("rocketmq_throughput_in", counter, "Bytes stored");
    let got = all.series("rocketmq_messages_out", counter, "Messages given to consumers");
    let got_bytes = all.series("rocketmq_throughput_out", counter, "Bytes given to consumers");
    for found in broker.topics.with_traffic() {
        let (topic, traffic) = (found.name(), found.traffic());
        let is_system = flag(name::is_system_topic(topic));
        let of_topic = [("topic", topic), ("is_system", is_system)];
        let (messages, bytes) = traffic.put_total();
        all.add(put, &of_topic, messages as f64);
        all.add(put_bytes, &of_topic, bytes as f64);
        for (group, messages, bytes) in traffic.got_total() {
            let labels = of_group(topic, &group);
            all.add(got, &labels, messages as f64);
            all.add(got_bytes, &labels, bytes as f64);
        }
    }
}

fn of_groups(broker: &Broker, all: &mut Collected) {
    let gauge = MetricType::Gauge;
    let lag = all.series(
        "rocketmq_consumer_lag_messages",
        gauge,
        "Messages that a group was not given, or did not acknowledge",
    );
    let latency =
        all.series("rocketmq_consumer_lag_latency", gauge, "Milliseconds that the oldest of them waits");
    let flight = all.series(
        "rocketmq_consumer_inflight_messages",
        gauge,
        "Messages given by POP and not acknowledged",
    );
    let ready = all.series("rocketmq_consumer_ready_messages", gauge, "Messages that a group was not given");
    for (group, topic) in broker.offsets.all() {
        if name::is_system_group(&group) {
            continue;
        }
        let Some(found) = broker.topics.get(&topic) else { continue };
        let backlog = backlog::of(broker, &group, &found);
        let labels = of_group(&topic, &group);
        all.add(lag, &labels, (backlog.messages + backlog.in_flight) as f64);
        all.add(latency, &labels, backlog.oldest_ms as f64);
        all.add(flight, &labels, backlog.in_flight as f64);
        all.add(ready, &labels, backlog.messages as f64);
    }
}

fn of_group<'a>(topic: &'a str, group: &'a str) -> [(&'static str, &'a str); 4] {
    [
        ("topic", topic),
        ("consumer_group", group),
        ("is_system", flag(name::is_system_topic(topic) || name::is_system_group(group))),
        ("is_retry", flag(topic.starts_with(name::RETRY_PREFIX))),
    ]
}

fn flag(is: bool) -> &'static str {
    if is { "true" } else { "false" }
}
