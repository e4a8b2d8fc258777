//! The same load on more and more queues.

use anyhow::{Context as _, Result};
use gantry_bench::{Load, Pace, create_topics};

use super::Alone;
use super::stage::{microseconds, run};
use crate::bench::{Contestant, lines};
use crate::{Cluster, Target, scale};

/// Topics, and queues of each.
const SIZES: [(usize, usize); 4] = [(1, 1), (10, 10), (1_000, 10), (10_000, 10)];
/// Less than any broker takes at any of these.
const RATE: f64 = 10_000.0;

pub(super) fn measure(alone: &mut Alone<'_>) -> Result<()> {
    scale::raise_limits()?;
    let mut seen = Vec::new();
    for (topics, queues) in SIZES {
        let count = topics * queues;
        if count > alone.count(100_000).max(1_000) {
            break;
        }
        let cluster = Cluster::start(Target::Gantry, alone.setup(Contestant::Gantry))?;
        let pid = cluster.broker_pid().context("the broker runs")?;
        let load = Load {
            pace: Pace::Rate(RATE),
            connections: 64,
            depth: 64,
            topic: "growth".into(),
            topics,
            queues,
            // Each queue has been sent to before anything counts.
            warm_up: alone.times.settle.max(std::time::Duration::from_secs_f64(1.2 * count as f64 / RATE)),
            measured: alone.times.measured,
            ..Load::new(([127, 0, 0, 1], cluster.broker_port()).into())
        };
        create_topics(&load)?;
        let (tally, cpu) = run(pid, &load)?;
        let each = cpu.as_secs_f64() / tally.answered.max(1) as f64 * 1e6;
        let p99 = microseconds(&tally.latency, 99.0);
        alone.note(format!("{count} queues: {each:.2} us of CPU a send, p99 {p99:.0} us"));
        for trouble in tally.troubles() {
            alone.note(format!("{count} queues: {trouble}"));
        }
        seen.push((each, p99));
    }
    if seen.len() < SIZES.len() {
        alone.note(format!("growth: the first {} of {} sizes only", seen.len(), SIZES.len()));
    }
    if let (Some(first), Some(last)) = (seen.first(), seen.last()) {
        alone.add(&lines::GROWTH_CPU, Contestant::Gantry, last.0 / first.0);
        alone.add(&lines::GROWTH_P99, Contestant::Gantry, last.1 / first.1);
    }
    Ok(())
}
