//! A broker, a round, and where the figures go.

use std::time::Duration;

use anyhow::Result;
use gantry_bench::{Load, Moment, Tally, create_topics};

use crate::bench::Contestant;
use crate::bench::arena::{Arena, Flush};
use crate::bench::lines::Line;
use crate::bench::report::Findings;
use crate::speed::cpu_time;

/// How long things are looked at.
#[derive(Clone, Copy, Debug)]
pub(in crate::bench) struct Times {
    /// Under load, before the first figure: Java compiles what it needs.
    pub(in crate::bench) warm: Duration,
    /// Before each figure.
    pub(in crate::bench) settle: Duration,
    pub(in crate::bench) measured: Duration,
}

/// What Apache's broker with its recommended settings takes at most, in sends/s by our generator.
#[derive(Clone, Copy, Debug)]
pub(in crate::bench) struct Reference {
    pub(in crate::bench) asynchronous: f64,
    pub(in crate::bench) synchronous: f64,
}

impl Reference {
    pub(in crate::bench) fn half(&self, flush: Flush) -> f64 {
        match flush {
            Flush::Async => self.asynchronous / 2.0,
            Flush::Sync => self.synchronous / 2.0,
        }
    }
}

pub(in crate::bench) struct Stage<'a> {
    pub(in crate::bench) arena: &'a Arena,
    pub(in crate::bench) contestant: Contestant,
    pub(in crate::bench) flush: Flush,
    pub(in crate::bench) round: u32,
    pub(in crate::bench) times: Times,
    pub(in crate::bench) reference: Reference,
    pub(in crate::bench) findings: &'a mut Findings,
}

impl Stage<'_> {
    /// A load on this broker, on a topic of its own.
    pub(super) fn load(&self, topic: &str) -> Load {
        Load {
            topic: topic.into(),
            warm_up: self.times.settle,
            measured: self.times.measured,
            ..Load::new(self.arena.address())
        }
    }

    /// Puts the broker under load; gives its CPU time, too.
    pub(super) fn run(&mut self, load: &Load) -> Result<(Tally, Duration)> {
        create_topics(load)?;
        let (tally, cpu) = run(self.arena.pid()?, load)?;
        for trouble in tally.troubles() {
            self.note(format!("{}: {trouble}", load.topic));
        }
        Ok((tally, cpu))
    }

    pub(super) fn add(&mut self, line: &Line, figure: f64) {
        self.findings.add(line, self.contestant, self.round, figure);
    }

    /// A figure of the bound that was measured beside this broker.
    pub(super) fn add_bound(&mut self, line: &Line, figure: f64) {
        self.findings.add(line, Contestant::Responder, self.round, figure);
    }

    pub(in crate::bench) fn note(&mut self, text: String) {
        let (contestant, flush) = (self.contestant, self.flush);
        eprintln!("    {text}");
        self.findings.notes.push(format!("round {}, {contestant}, {flush:?}: {text}", self.round + 1));
    }
}

/// Puts a broker under load, and looks at the CPU time of its process while that counts.
pub(super) fn run(pid: u32, load: &Load) -> Result<(Tally, Duration)> {
    let mut cpu = [Duration::ZERO; 2];
    let tally = gantry_bench::run(load, |moment| {
        cpu[usize::from(moment == Moment::End)] = cpu_time(pid)?;
        Ok(())
    })?;
    Ok((tally, cpu[1].saturating_sub(cpu[0])))
}

/// Microseconds at a percentile.
pub(super) fn microseconds(histogram: &gantry_bench::Histogram<u64>, percentile: f64) -> f64 {
    histogram.value_at_percentile(percentile) as f64 / 1e3
}
