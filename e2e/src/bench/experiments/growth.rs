//! The same load on more and more queues.

use std::time::Duration;

use anyhow::{Context as _, Result};
use gantry_bench::{Load, Pace, create_topics};

use super::Alone;
use super::stage::{microseconds, run};
use crate::bench::{Contestant, lines};
use crate::speed::median;
use crate::{Cluster, Target, scale};

/// Topics, and queues of each.
const SIZES: [(usize, usize); 4] = [(1, 1), (10, 10), (1_000, 10), (10_000, 10)];
/// Less than any broker takes at any of these.
const RATE: f64 = 10_000.0;
/// How often each size has its turn: a machine has its moods, and each shall have all of them.
const TURNS: u32 = 4;

/// A broker with so many queues, each of which has been sent to.
struct Size {
    cluster: Cluster,
    load: Load,
    /// Microseconds of CPU a send, and p99 of one, of each turn.
    seen: Vec<(f64, f64)>,
}

pub(super) fn measure(alone: &mut Alone<'_>) -> Result<()> {
    scale::raise_limits()?;
    let most = alone.count(100_000).max(1_000);
    let fit = SIZES.into_iter().filter(|(topics, queues)| topics * queues <= most);
    let mut sizes =
        fit.map(|(topics, queues)| Size::start(alone, topics, queues)).collect::<Result<Vec<_>>>()?;
    for _ in 0..TURNS {
        for size in &mut sizes {
            for trouble in size.turn()? {
                alone.note(format!("{} queues: {trouble}", size.queues()));
            }
        }
    }
    let medians = sizes.iter().map(Size::medians).collect::<Result<Vec<_>>>()?;
    for (size, (cpu, p99)) in sizes.iter().zip(&medians) {
        alone.note(format!("{} queues: {cpu:.2} us of CPU a send, p99 {p99:.0} us", size.queues()));
    }
    if sizes.len() < SIZES.len() {
        alone.note(format!("growth: the first {} of {} sizes only", sizes.len(), SIZES.len()));
    }
    if let (Some(first), Some(last)) = (medians.first(), medians.last()) {
        alone.add(&lines::GROWTH_CPU, Contestant::Gantry, last.0 / first.0);
        alone.add(&lines::GROWTH_P99, Contestant::Gantry, last.1 / first.1);
    }
    Ok(())
}

impl Size {
    fn start(alone: &Alone<'_>, topics: usize, queues: usize) -> Result<Self> {
        let cluster = Cluster::start(Target::Gantry, alone.setup(Contestant::Gantry))?;
        let load = Load {
            pace: Pace::Rate(RATE),
            connections: 64,
            depth: 64,
            topic: "growth".into(),
            topics,
            queues,
            warm_up: Duration::from_secs_f64(1.2 * (topics * queues) as f64 / RATE),
            measured: alone.times.settle,
            ..Load::new(([127, 0, 0, 1], cluster.broker_port()).into())
        };
        create_topics(&load)?;
        gantry_bench::run(&load, |_| Ok(()))?;
        let load = Load { warm_up: alone.times.settle, measured: alone.times.measured / TURNS, ..load };
        Ok(Self { cluster, load, seen: Vec::new() })
    }

    fn queues(&self) -> usize {
        self.load.topics * self.load.queues
    }

    /// Sends for a while; gives what went wrong.
    fn turn(&mut self) -> Result<Vec<String>> {
        let pid = self.cluster.broker_pid().context("the broker runs")?;
        let (tally, cpu) = run(pid, &self.load)?;
        let each = cpu.as_secs_f64() / tally.answered.max(1) as f64 * 1e6;
        self.seen.push((each, microseconds(&tally.latency, 99.0)));
        Ok(tally.troubles())
    }

    /// Microseconds of CPU a send, and its p99 in microseconds.
    fn medians(&self) -> Result<(f64, f64)> {
        let (cpu, p99): (Vec<_>, Vec<_>) = self.seen.iter().copied().unzip();
        median(cpu).zip(median(p99)).context("each size had its turns")
    }
}
