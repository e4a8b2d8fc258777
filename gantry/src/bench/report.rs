//! What a load came to, as text and as JSON.

use crate::output::numbers::grouped;
use gantry_bench::{Histogram, Load, Mode, Pace, Tally};
use serde_json::{Value, json};
use std::fmt::Write as _;

type Latencies<'a> = (&'static str, &'a Histogram<u64>);

/// Percentiles that are told; 100 is the longest of all.
const PERCENTILES: [(&str, f64); 5] =
    [("p50", 50.0), ("p99", 99.0), ("p99.9", 99.9), ("p99.99", 99.99), ("max", 100.0)];

fn latencies<'a>(load: &Load, tally: &'a Tally) -> Vec<Latencies<'a>> {
    let mut all = Vec::new();
    match load.mode {
        Mode::Send => all.push(("send", &tally.latency)),
        Mode::Pull => all.push(("pull", &tally.latency)),
        Mode::EndToEnd => all.extend([("send", &tally.latency), ("end to end", &tally.end_to_end)]),
    }
    if load.pace != Pace::Closed {
        // How much of the latency may be the generator's own.
        all.push(("late to send", &tally.late));
    }
    all
}

pub(super) fn text(load: &Load, tally: &Tally) -> String {
    let mut text = format!("{} requests/s", grouped(tally.rate() as u64));
    if load.mode != Mode::Send {
        let _ = write!(text, ", {} messages/s pulled", grouped(tally.pull_rate() as u64));
    }
    let _ = writeln!(text, " over {:.1} s", tally.time.as_secs_f64());
    let heads: String = PERCENTILES.iter().map(|(name, _)| format!("{name:>10}")).collect();
    let _ = writeln!(text, "{:<16}{heads}", "microseconds");
    for (name, histogram) in latencies(load, tally) {
        let values = PERCENTILES
            .iter()
            .fold(String::new(), |line, (_, at)| line + &format!("{:>10.1}", microseconds(histogram, *at)));
        let _ = writeln!(text, "{name:<16}{values}");
    }
    let own = tally.cpu.as_secs_f64() / (tally.answered + tally.pulled).max(1) as f64;
    let _ = write!(text, "the generator took {:.2} microseconds of CPU time a message", own * 1e6);
    text
}

pub(super) fn json(load: &Load, tally: &Tally) -> Value {
    let latencies: serde_json::Map<String, Value> = latencies(load, tally)
        .into_iter()
        .map(|(name, histogram)| {
            let values: serde_json::Map<String, Value> = PERCENTILES
                .iter()
                .map(|(name, at)| ((*name).to_owned(), json!(microseconds(histogram, *at))))
                .collect();
            (name.replace(' ', "_"), Value::Object(values))
        })
        .collect();
    json!({
        "seconds": tally.time.as_secs_f64(),
        "requestsPerSecond": tally.rate(),
        "messagesPulledPerSecond": tally.pull_rate(),
        "latencyMicroseconds": latencies,
        "generatorCpuSeconds": tally.cpu.as_secs_f64(),
        "failures": tally.failures(),
        "troubles": tally.troubles(),
    })
}

fn microseconds(histogram: &Histogram<u64>, percentile: f64) -> f64 {
    let nanoseconds =
        if percentile >= 100.0 { histogram.max() } else { histogram.value_at_percentile(percentile) };
    nanoseconds as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_what_was_measured() {
        let load =
            Load { mode: Mode::EndToEnd, pace: Pace::Rate(1.0), ..Load::new(([127, 0, 0, 1], 1).into()) };
        let mut tally = Tally::empty(std::time::Duration::from_secs(2));
        tally.answered = 5_000;
        tally.latency.record(1_500).unwrap();
        let text = text(&load, &tally);
        assert!(text.starts_with("2,500 requests/s, 0 messages/s pulled over 2.0 s\n"), "{text}");
        assert!(text.contains("\nsend                   1.5"), "{text}");
        assert_eq!(json(&load, &tally)["latencyMicroseconds"]["send"]["max"], 1.5);
    }
}
