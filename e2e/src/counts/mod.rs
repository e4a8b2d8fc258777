//! What a message costs in instructions and in system calls: counts that the noise of a machine hardly moves, held against limits, so
//! that a change which costs is seen before it is released.
//!
//! Instructions are those of the broker's own code, as callgrind counts them; what the kernel does for it is in the system calls.
//! Allocations are counted by a test of the broker (`broker/tests/allocations.rs`).

mod callgrind;

use std::time::Duration;

use anyhow::{Context as _, Result};
use gantry_bench::{Load, Mode, Pace, create_topics};

use crate::bench::{Calls, Counter};
use crate::broker_client::{BrokerClient, Draft};
use crate::toolchain::Missing;
use crate::{Cluster, Setup, Target};

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub struct Count {
    /// Of its trial.
    pub name: &'static str,
    /// In words.
    pub what: &'static str,
    of: Of,
    mode: Mode,
    depth: usize,
    limit: Limit,
}

#[derive(Clone, Copy, Debug)]
enum Of {
    Instructions,
    Calls,
}

/// The most that a count may be. Of instructions, what it was and 5 %, by which two runs can differ; a build that takes less lowers
/// it. Tests are built with checks and hardly optimised, and run on any machine, where what is done once a second is shared by fewer
/// messages: a fifth.
#[derive(Clone, Copy, Debug)]
struct Limit {
    release: f64,
    test: f64,
}

const fn instructions_of(
    name: &'static str,
    what: &'static str,
    mode: Mode,
    depth: usize,
    limit: Limit,
) -> Count {
    Count { name, what, of: Of::Instructions, mode, depth, limit }
}

/// Each build makes the same system calls.
const fn calls_of(name: &'static str, what: &'static str, mode: Mode, depth: usize, limit: f64) -> Count {
    Count { name, what, of: Of::Calls, mode, depth, limit: Limit { release: limit, test: limit } }
}

impl Count {
    pub const ALL: [Self; 7] = [
        instructions_of(
            "instructions::send",
            "instructions per send, one by one",
            Mode::Send,
            1,
            Limit { release: 17_300.0, test: 27_000.0 },
        ),
        instructions_of(
            "instructions::deep-send",
            "instructions per send, 32 deep",
            Mode::Send,
            32,
            Limit { release: 13_700.0, test: 20_500.0 },
        ),
        instructions_of(
            "instructions::pulled",
            "instructions per message pulled, 32 a pull",
            Mode::Pull,
            1,
            Limit { release: 2_500.0, test: 2_450.0 },
        ),
        instructions_of(
            "instructions::dispatched",
            "instructions per message sent that wakes a long poll",
            Mode::EndToEnd,
            1,
            Limit { release: 50_000.0, test: 52_000.0 },
        ),
        calls_of("system-calls::send", "system calls per send, 64 connections", Mode::Send, 1, 2.2),
        calls_of(
            "system-calls::deep-send",
            "system calls per send, 64 connections, 32 deep",
            Mode::Send,
            32,
            0.15,
        ),
        calls_of("system-calls::pulled", "system calls per pull of 32, 64 connections", Mode::Pull, 1, 3.0),
    ];

    #[must_use]
    pub fn limit(self) -> f64 {
        if cfg!(debug_assertions) { self.limit.test } else { self.limit.release }
    }

    pub fn available(self) -> Result<(), Missing> {
        match self.of {
            Of::Instructions => callgrind::available(),
            Of::Calls => Counter::available(),
        }
    }

    /// Counts it with a broker of its own.
    pub fn measure(self) -> Result<f64> {
        match self.of {
            Of::Instructions => instructions(self.mode, self.depth),
            Of::Calls => calls(self.mode, self.depth),
        }
    }
}

/// Seconds of load in two lives of a broker. What a start and a stop take is in both, so that the difference is what messages cost.
const LIVES: [u64; 2] = [2, 8];
const TOPIC: &str = "counts";

fn instructions(mode: Mode, depth: usize) -> Result<f64> {
    let mut seen = Vec::new();
    for seconds in LIVES {
        seen.push(life(mode, depth, Duration::from_secs(seconds))?);
    }
    let [short, long] = seen[..] else { anyhow::bail!("two lives") };
    Ok((long.0 - short.0) as f64 / (long.1 - short.1) as f64)
}

/// Instructions and messages of one broker under load.
fn life(mode: Mode, depth: usize, time: Duration) -> Result<(i64, i64)> {
    let cluster = Cluster::start(Target::Gantry, callgrind::setup(settings()))?;
    let load = Load {
        mode,
        depth,
        topic: TOPIC.into(),
        warm_up: Duration::ZERO,
        measured: time,
        ..Load::new(([127, 0, 0, 1], cluster.broker_port()).into())
    };
    create_topics(&load)?;
    let (port, queues) = (cluster.broker_port(), load.queues as u32);
    let messages = if mode == Mode::Pull {
        // The same to pull from in both lives.
        fill(port, &load)?;
        gantry_bench::run(&load, |_| Ok(()))?.pulled as i64
    } else {
        gantry_bench::run(&load, |_| Ok(()))?;
        BrokerClient::open(port)?.stored(TOPIC, queues)?
    };
    Ok((callgrind::collected(cluster)?, messages))
}

fn fill(port: u16, load: &Load) -> Result<()> {
    const EACH: usize = 64;
    let mut client = BrokerClient::open(port)?;
    let body = vec![b'x'; load.size];
    for message in 0..EACH * load.queues {
        let queue = (message % load.queues) as i32;
        client.send(&Draft { topic: TOPIC, queue, body: &body, properties: &[] })?;
    }
    Ok(())
}

fn calls(mode: Mode, depth: usize) -> Result<f64> {
    let cluster = Cluster::start(Target::Gantry, settings())?;
    let load = Load {
        mode,
        // Else it would depend on what else runs how many requests one read brings.
        pace: Pace::Rounds,
        connections: 64,
        depth,
        topic: TOPIC.into(),
        warm_up: Duration::from_secs(1),
        measured: Duration::from_secs(3),
        ..Load::new(([127, 0, 0, 1], cluster.broker_port()).into())
    };
    create_topics(&load)?;
    if mode == Mode::Pull {
        fill(cluster.broker_port(), &load)?;
    }
    Counter::per_answer(cluster.broker_pid().context("the broker runs")?, Calls::NoYields, &load)
}

fn settings() -> Setup {
    Setup::default().set("warmMapedFileEnable", false)
}
