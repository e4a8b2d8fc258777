//! What dashboards of RocketMQ 5 ask for, under the names and labels that they know (Apache: `BrokerMetricsConstant`,
//! `DefaultStoreMetricsConstant`, with the units that its Prometheus exporter adds).

use super::series::AllSeries;
use crate::backlog;
use crate::broker::Broker;
use crate::clock::now_ms;
use gantry_message::{Record, name};
use gantry_remoting::body::ConsumeType;
use gantry_remoting::language::version_name;

/// Where messages are.
const STORAGE: [(&str, &str); 2] = [("storage_type", "local"), ("storage_medium", "disk")];
const REMOTING: (&str, &str) = ("protocol_type", "remoting");

/// All of them, now. May wait for the disk.
pub(super) fn all(broker: &Broker) -> AllSeries {
    let mut all = AllSeries::new(vec![
        ("cluster", broker.config().broker_cluster_name.clone()),
        ("node_type", "broker".to_owned()),
        ("node_id", broker.config().broker_name.clone()),
    ]);
    of_the_broker(broker, &mut all);
    of_the_store(broker, &mut all);
    of_clients(broker, &mut all);
    of_topics(broker, &mut all);
    of_groups(broker, &mut all);
    all
}

fn of_the_broker(broker: &Broker, all: &mut AllSeries) {
    let snapshot = broker.snapshot();
    let permission = broker.config().broker_permission.into();
    all.gauge("rocketmq_broker_permission", "What the broker may do: 2 write, 4 read", &[], permission);
    all.gauge("rocketmq_topic_number", "Topics", &[], snapshot.topics as f64);
    all.gauge("rocketmq_consumer_group_number", "Consumer groups", &[], snapshot.groups as f64);
    let halves = broker.transactions.ledger().len();
    if halves > 0 {
        let help = "Transactions whose producer has not decided yet";
        all.gauge("rocketmq_half_messages", help, &[], halves as f64);
    }
}

fn of_the_store(broker: &Broker, all: &mut AllSeries) {
    let stats = broker.store.stats();
    let log = (stats.log_end - stats.log_start) as f64;
    all.gauge("rocketmq_storage_size_bytes", "Bytes of the log", &STORAGE, log);
    let behind = (stats.log_end - stats.durable) as f64;
    let help = "Bytes of the log that are not on the disk yet";
    all.gauge("rocketmq_storage_flush_behind_bytes", help, &STORAGE, behind);
    let help = "Bytes of the log that consumers cannot find yet";
    all.gauge("rocketmq_storage_dispatch_behind_bytes", help, &STORAGE, 0.0);
    let first = broker.store.read_at(stats.log_start);
    let first = first.and_then(|bytes| Record::read(&bytes).ok().map(|(record, _)| record.store_timestamp));
    if let Some(first) = first {
        let help = "Milliseconds since the oldest message was stored";
        let age = (now_ms() - first) as f64;
        all.gauge("rocketmq_storage_message_reserve_time_milliseconds", help, &STORAGE, age);
    }
    let timers = broker.timers.ledger();
    let help = "Messages that wait for their time of delivery";
    if timers.len() > 0 {
        all.gauge("rocketmq_timing_messages", help, &STORAGE, timers.len() as f64);
    }
    let late = timers.next_due().map_or(0, |due| (now_ms() - due).max(0));
    let help = "Milliseconds by which the next delivery is late";
    all.gauge("rocketmq_timer_dequeue_latency_milliseconds", help, &STORAGE, late as f64);
}

fn of_clients(broker: &Broker, all: &mut AllSeries) {
    let connections = all.gauges("rocketmq_producer_connections", "Producers online");
    for (kind, count) in broker.producers.kinds() {
        let (language, version) = (kind.language.to_lowercase(), version_name(kind.version).to_lowercase());
        all.add(connections, &[("language", &language), ("version", &version), REMOTING], count as f64);
    }
    let connections = all.gauges("rocketmq_consumer_connections", "Consumers online");
    for ((group, kind), (consume_type, count)) in broker.consumers.kinds() {
        let (language, version) = (kind.language.to_lowercase(), version_name(kind.version).to_lowercase());
        let mode = match consume_type {
            ConsumeType::Actively => "pull",
            ConsumeType::Passively => "push",
            ConsumeType::Pop => "pop",
        };
        let labels = [
            ("consumer_group", &*group),
            ("language", &language),
            ("version", &version),
            ("consume_mode", mode),
            ("is_system", flag(name::is_system_group(&group))),
            REMOTING,
        ];
        all.add(connections, &labels, count as f64);
    }
}

fn of_topics(broker: &Broker, all: &mut AllSeries) {
    let put = all.counters("rocketmq_messages_in", "Messages stored");
    let put_bytes = all.counters("rocketmq_throughput_in", "Bytes stored");
    let sizes = all.histograms("rocketmq_message_size", "Bytes of the messages stored");
    let got = all.counters("rocketmq_messages_out", "Messages given to consumers");
    let got_bytes = all.counters("rocketmq_throughput_out", "Bytes given to consumers");
    let dead = all.counters("rocketmq_send_to_dlq_messages", "Messages that became dead letters");
    let committed = all.counters("rocketmq_commit_messages", "Transactions that were committed");
    let rolled_back = all.counters("rocketmq_rollback_messages", "Transactions that were rolled back");
    for found in broker.topics.with_traffic() {
        let (topic, traffic) = (found.name(), found.traffic());
        let of_topic = [("topic", topic), ("is_system", flag(name::is_system_topic(topic)))];
        let (messages, bytes) = traffic.put_total();
        if messages > 0 {
            all.add(put, &of_topic, messages as f64);
            all.add(put_bytes, &of_topic, bytes as f64);
            all.add_histogram(sizes, &of_topic, bytes as f64, traffic.sizes());
        }
        for (group, messages, bytes) in traffic.got_total() {
            let labels = of_group(topic, &group);
            all.add(got, &labels, messages as f64);
            all.add(got_bytes, &labels, bytes as f64);
        }
        for (group, count) in traffic.dead() {
            all.add(dead, &of_group(topic, &group), count as f64);
        }
        let (commits, roll_backs) = traffic.ended();
        for (series, count) in [(committed, commits), (rolled_back, roll_backs)] {
            if count > 0 {
                all.add(series, &[("topic", topic)], count as f64);
            }
        }
    }
}

fn of_groups(broker: &Broker, all: &mut AllSeries) {
    let help = "Messages that a group was not given, or has not committed or acknowledged";
    let lag = all.gauges("rocketmq_consumer_lag_messages", help);
    let help = "Milliseconds that the oldest of them waits";
    let latency = all.gauges("rocketmq_consumer_lag_latency_milliseconds", help);
    let help = "Messages that a group was given, and has not committed or acknowledged";
    let flight = all.gauges("rocketmq_consumer_inflight_messages", help);
    let ready = all.gauges("rocketmq_consumer_ready_messages", "Messages that a group was not given");
    let help = "Milliseconds that the oldest message waits that a group was not given";
    let queueing = all.gauges("rocketmq_consumer_queueing_latency_milliseconds", help);
    for (group, topic) in broker.offsets.all() {
        if name::is_system_group(&group) {
            continue;
        }
        let Some(found) = broker.topics.get(&topic) else { continue };
        let backlog = backlog::of(broker, &group, &found);
        let is_retry = ("is_retry", flag(topic.starts_with(name::RETRY_PREFIX)));
        let labels: Vec<_> = of_group(&topic, &group).into_iter().chain([is_retry]).collect();
        all.add(lag, &labels, backlog.messages() as f64);
        all.add(latency, &labels, backlog.oldest_ms as f64);
        all.add(flight, &labels, backlog.in_flight as f64);
        all.add(ready, &labels, backlog.ready as f64);
        all.add(queueing, &labels, backlog.oldest_ready_ms as f64);
    }
}

fn of_group<'a>(topic: &'a str, group: &'a str) -> [(&'static str, &'a str); 3] {
    let is_system = name::is_system_topic(topic) || name::is_system_group(group);
    [("topic", topic), ("consumer_group", group), ("is_system", flag(is_system))]
}

fn flag(is: bool) -> &'static str {
    if is { "true" } else { "false" }
}
