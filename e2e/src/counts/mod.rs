//! What a message costs in instructions and in system calls: counts that the noise of a machine hardly moves, held against limits, so
//! that a change which costs is seen before it is released.
//!
//! Instructions are those of the broker's own code, as callgrind counts them; what the kernel does for it is in the system calls.
//! Allocations are counted by a test of the broker (`broker/tests/allocations.rs`).

mod callgrind;

use anyhow::Result;
use gantry_bench::{Load, Mode, Moment, create_topics};

use crate::bench::Counter;
use crate::broker_client::BrokerClient;
use crate::toolchain::Missing;
use crate::{Cluster, Setup, Target};
use std::time::Duration;

/// What is counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Count {
    InstructionsPerSend,
    InstructionsPerDeepSend,
    InstructionsPerPulledMessage,
    CallsPerSend,
    CallsPerDeepSend,
}

impl Count {
    pub const ALL: [Self; 5] = [
        Self::InstructionsPerSend,
        Self::InstructionsPerDeepSend,
        Self::InstructionsPerPulledMessage,
        Self::CallsPerSend,
        Self::CallsPerDeepSend,
    ];

    #[must_use]
    pub fn what(self) -> &'static str {
        match self {
            Self::InstructionsPerSend => "instructions per send, one by one",
            Self::InstructionsPerDeepSend => "instructions per send, 32 deep",
            Self::InstructionsPerPulledMessage => "instructions per message pulled, 32 a pull",
            Self::CallsPerSend => "system calls per send, 64 connections",
            Self::CallsPerDeepSend => "system calls per send, 64 connections, 32 deep",
        }
    }

    /// The most it may be: of instructions, what it was and 5 %, by which two runs can differ; a build that takes less lowers it.
    #[must_use]
    pub fn limit(self) -> f64 {
        match self {
            Self::InstructionsPerSend => 17_300.0,
            Self::InstructionsPerDeepSend => 13_700.0,
            Self::InstructionsPerPulledMessage => 2_500.0,
            Self::CallsPerSend => 2.2,
            Self::CallsPerDeepSend => 0.15,
        }
    }

    pub fn available(self) -> Result<(), Missing> {
        match self {
            Self::CallsPerSend | Self::CallsPerDeepSend => Counter::available(),
            _ => callgrind::available(),
        }
    }

    /// Counts it with a broker of its own.
    pub fn measure(self) -> Result<f64> {
        match self {
            Self::InstructionsPerSend => instructions(Mode::Send, 1),
            Self::InstructionsPerDeepSend => instructions(Mode::Send, 32),
            Self::InstructionsPerPulledMessage => instructions(Mode::Pull, 1),
            Self::CallsPerSend => calls(1),
            Self::CallsPerDeepSend => calls(32),
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
        depth,
        topic: TOPIC.into(),
        warm_up: Duration::ZERO,
        measured: time,
        ..Load::new(([127, 0, 0, 1], cluster.broker_port()).into())
    };
    create_topics(&load)?;
    let mut pulled = 0;
    if mode == Mode::Pull {
        // The same to pull from in both lives.
        fill(cluster.broker_port(), &load)?;
        pulled = gantry_bench::run(&Load { mode, ..load }, |_| Ok(()))?.pulled;
    } else {
        gantry_bench::run(&load, |_| Ok(()))?;
    }
    let mut client = BrokerClient::open(cluster.broker_port())?;
    let mut stored = 0;
    for queue in 0..8 {
        stored += client.max_offset(TOPIC, queue)?;
    }
    let messages = if mode == Mode::Pull { pulled as i64 } else { stored };
    Ok((callgrind::collected(cluster)?, messages))
}

fn fill(port: u16, load: &Load) -> Result<()> {
    const EACH: usize = 64;
    let mut client = BrokerClient::open(port)?;
    let body = vec![b'x'; load.size];
    for message in 0..EACH * load.queues {
        let queue = (message % load.queues) as i32;
        client.send(&crate::broker_client::Draft { topic: TOPIC, queue, body: &body, properties: &[] })?;
    }
    Ok(())
}

fn calls(depth: usize) -> Result<f64> {
    let cluster = Cluster::start(Target::Gantry, settings())?;
    let load = Load {
        connections: 64,
        depth,
        topic: TOPIC.into(),
        warm_up: Duration::from_secs(1),
        measured: Duration::from_secs(3),
        ..Load::new(([127, 0, 0, 1], cluster.broker_port()).into())
    };
    create_topics(&load)?;
    let pid = cluster.broker_pid().unwrap_or_default();
    let (mut counter, mut count) = (None, 0);
    let tally = gantry_bench::run(&load, |moment| {
        match (moment, counter.take()) {
            (Moment::Begin, _) => counter = Some(Counter::start(pid)?),
            (Moment::End, Some(running)) => count = running.stop()?,
            (Moment::End, None) => {}
        }
        Ok(())
    })?;
    Ok(count as f64 / tally.answered.max(1) as f64)
}

fn settings() -> Setup {
    Setup::default().set("warmMapedFileEnable", false)
}
