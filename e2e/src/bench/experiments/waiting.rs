//! What a broker holds while nothing happens: by itself, with many queues, with many long polls.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use gantry_bench::{Load, Mode, Pace, create_topics};

use super::Alone;
use crate::Cluster;
use crate::bench::lines;
use crate::scale::{self, Much};
use crate::speed::anonymous_memory;

const QUEUES: usize = 100_000;
const POLLS: usize = 10_000;
/// Until what a start has begun is done.
const REST: Duration = Duration::from_secs(5);
const MIB: f64 = 1_048_576.0;

pub(super) fn memory(alone: &mut Alone<'_>) -> Result<()> {
    scale::raise_limits()?;
    for (contestant, target) in alone.contestants() {
        let cluster = Cluster::start(target, alone.setup(contestant))?;
        thread::sleep(REST);
        let idle = anonymous_memory(cluster.broker_pid().context("the broker runs")?)?;
        drop(cluster);
        alone.add(&lines::MEMORY_IDLE, contestant, idle as f64 / MIB);
        let count = alone.count(QUEUES);
        if alone.has_failed(&lines::MEMORY_QUEUE, contestant) {
            alone.note(format!("{contestant} with {count} queues: not tried again"));
            continue;
        }
        match scale::measure(target, Much::Queues, count) {
            Ok(figures) => {
                alone.add(&lines::MEMORY_QUEUE, contestant, figures.bytes_each());
                alone.add(&lines::DISK_QUEUE, contestant, figures.disk_each() / 1024.0);
                alone.add(&lines::MAPS, contestant, figures.maps() as f64);
            }
            // Apache's broker may have no room for so many.
            Err(error) => {
                eprintln!("{error:#}");
                alone.note(format!("{contestant} with {count} queues: {}", error.root_cause()));
            }
        }
        if count != QUEUES {
            alone.note(format!("{count} queues instead of {QUEUES}"));
        }
    }
    Ok(())
}

pub(super) fn polls(alone: &mut Alone<'_>) -> Result<()> {
    scale::raise_limits()?;
    let count = alone.count(POLLS);
    for (contestant, target) in alone.contestants() {
        let figures = scale::measure(target, Much::Polls, count)?;
        alone.add(&lines::POLLS_CPU, contestant, figures.idle_share() * 100.0);
        alone.add(&lines::POLLS_MEMORY, contestant, figures.bytes_each() / 1024.0);

        let cluster = Cluster::start(target, alone.setup(contestant).set("longPollingEnable", true))?;
        let load = Load {
            mode: Mode::EndToEnd,
            // One at a time: what is measured is how long a poll takes to wake, beside all the others.
            pace: Pace::Rate(200.0),
            depth: 16,
            pollers: count,
            topic: "polls".into(),
            topics: count.div_ceil(100),
            queues: 100,
            warm_up: alone.times.settle,
            measured: alone.times.measured,
            ..Load::new(([127, 0, 0, 1], cluster.broker_port()).into())
        };
        create_topics(&load)?;
        let tally = gantry_bench::run(&load, |_| Ok(()))?;
        for trouble in tally.troubles() {
            alone.note(format!("{contestant}, polls: {trouble}"));
        }
        alone.add(&lines::POLLS_WAKE, contestant, super::stage::microseconds(&tally.end_to_end, 99.0) / 1e3);
    }
    if count != POLLS {
        alone.note(format!("{count} polls instead of {POLLS}"));
    }
    Ok(())
}
