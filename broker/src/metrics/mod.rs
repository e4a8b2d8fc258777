//! Metrics, put together when they are asked for: nothing is counted for them that was not counted anyway.

mod rocketmq;
mod series;

use crate::broker::Broker;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// All metrics in the text format of OpenMetrics. May wait for the disk.
pub(crate) fn text(broker: &Broker) -> String {
    let mut all = Registry::default();
    all.register_collector(Box::new(rocketmq::all(broker)));
    let registry = all.sub_registry_with_prefix("gantry_broker");
    let stats = broker.store.stats();
    let snapshot = broker.snapshot();
    let mut gauge =
        |name: &str, help: &str, value: f64| registry.register(name, help, ConstGauge::<f64>::new(value));
    gauge(
        "start_time_seconds",
        "When the broker opened its store, since the epoch",
        broker.boot_timestamp as f64 / 1e3,
    );
    gauge("log_start_offset_bytes", "Physical offset of the oldest message kept", stats.log_start.0 as f64);
    gauge(
        "log_end_offset_bytes",
        "Physical offset at which the next message is stored",
        stats.log_end.0 as f64,
    );
    gauge(
        "log_durable_offset_bytes",
        "Physical offset up to which messages are on the disk",
        stats.durable.0 as f64,
    );
    gauge("disk_used_ratio", "Used share of the disk that holds the log, 0 to 1", stats.disk_used);
    gauge("topics", "Topics, those of the system included", snapshot.topics as f64);
    gauge("consumers", "Consumers that are connected", snapshot.consumers as f64);
    gauge("producers", "Producers that are connected", snapshot.producers as f64);
    let open = broker.transactions.ledger().len();
    gauge("transactions_open", "Transactions whose producer has not decided yet", open as f64);
    let waiting = broker.timers.ledger().len();
    gauge("timers_waiting", "Messages that wait for their time of delivery", waiting as f64);
    let scaling = broker.settling.topics();
    let stale = scaling
        .iter()
        .filter_map(|topic| topic.scales.known())
        .map(|scales| scales.producers.stale().len())
        .sum::<usize>();
    gauge("topics_scaling", "Ordered topics whose number of queues is being changed", scaling.len() as f64);
    gauge("stale_producers", "Producers that seem not to know the newest queues of a topic", stale as f64);
    let mut counter =
        |name: &str, help: &str, value: u64| registry.register(name, help, ConstCounter::new(value));
    counter("messages_in", "Messages stored for producers since the start", snapshot.messages_in);
    counter("messages_out", "Messages handed out since the start", snapshot.messages_out);
    let help = "Records that a disk has damaged, which nobody is given; the log of the broker names them";
    counter("damaged_records", help, broker.damage.count() as u64);
    let mut text = String::new();
    // Writing to memory does not fail.
    let _ = encode(&mut text, &all);
    text
}
