//! A load, from its connections to its figures.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use rustix::time::{ClockId, clock_gettime};

use crate::connection::Connection;
use crate::lane::{self, Lane};
use crate::load::{Load, Mode, Pace};
use crate::prepare::{Caller, topic_name};
use crate::request::{Sends, now_ms};
use crate::schedule::Schedule;
use crate::slots;
use crate::tally::Tally;
use crate::worker::{Work, Worker};

/// Requests that are under way when the time is over may take so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// A moment of a load that whoever watches the broker wants to know of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// The measured time begins.
    Begin,
    /// It is over.
    End,
}

/// The times of a run, in nanoseconds from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Phases {
    pub(crate) epoch: Instant,
    pub(crate) begin: u64,
    pub(crate) end: u64,
    pub(crate) give_up: u64,
}

impl Phases {
    fn of(load: &Load) -> Self {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let begin = nanos(load.warm_up);
        let end = begin + nanos(load.measured);
        Self { epoch: Instant::now(), begin, end, give_up: end + nanos(PATIENCE) }
    }
}

/// Puts a broker under load. Its topics are there ([`crate::create_topics`]). `watch` is called as the measured time begins and ends.
///
/// # Errors
/// When the load cannot be, or no connection is left. What the broker refuses is counted.
pub fn run(load: &Load, mut watch: impl FnMut(Moment) -> Result<()>) -> Result<Tally> {
    check(load)?;
    let workers = workers(load)?;
    let phases = Phases::of(load);
    thread::scope(|scope| {
        let threads: Vec<_> =
            workers.into_iter().map(|worker| scope.spawn(move || worker.run(&phases))).collect();
        let wait = |until: u64| {
            let at = phases.epoch + Duration::from_nanos(until);
            thread::sleep(at.saturating_duration_since(Instant::now()));
        };
        wait(phases.begin);
        let (cpu, began) = (own_cpu(), watch(Moment::Begin));
        wait(phases.end);
        let (cpu, ended) = (own_cpu().saturating_sub(cpu), watch(Moment::End));
        let mut all = Tally::empty(load.measured);
        for thread in threads {
            all.merge(thread.join().map_err(|_| anyhow!("a worker panicked"))??);
        }
        all.cpu = cpu;
        began?;
        ended?;
        let connections = load.connections as u64;
        ensure!(all.lost.count < connections, "no connection is left; the first: {}", all.lost.first);
        Ok(all)
    })
}

fn check(load: &Load) -> Result<()> {
    ensure!(
        (1..=slots::MOST).contains(&load.depth),
        "a depth of {} is not from 1 to {}",
        load.depth,
        slots::MOST
    );
    ensure!(load.connections > 0, "a load has at least one connection");
    ensure!((1..=load.connections).contains(&load.threads), "each thread has at least one connection");
    ensure!(load.topics > 0 && load.queues > 0, "a load has at least one topic and one queue");
    if let Pace::Rate(rate) = load.pace {
        ensure!(rate.is_finite() && rate > 0.0, "{rate} requests a second are no rate");
    }
    Ok(())
}

fn workers(load: &Load) -> Result<Vec<Worker>> {
    // Messages of another run are not taken for ours.
    let run = now_ms() << 16;
    let topics: Vec<String> = (0..load.topics).map(|index| topic_name(load, index)).collect();
    let mut workers = Vec::with_capacity(load.threads);
    for worker in 0..load.threads {
        let sends = (load.mode != Mode::Pull).then(|| Sends::new(load, worker, run)).transpose()?;
        let schedule = match load.pace {
            Pace::Closed | Pace::Rounds => None,
            Pace::Rate(rate) => Some(Schedule::new(rate, worker, load.threads)),
        };
        let in_rounds = load.pace == Pace::Rounds;
        workers.push(Worker::new(load.header, sends, schedule, in_rounds, run, load.measured));
    }
    // Polls first: they wait before there is anything to come.
    let lanes = match load.mode {
        Mode::Send => Vec::new(),
        Mode::Pull => lane::all(&topics, load.queues, load.batch, false, |_, _| Ok(0))?,
        Mode::EndToEnd => {
            let caller = std::cell::RefCell::new(Caller::open(load.broker)?);
            let end = |topic: &str, queue| caller.borrow_mut().end(topic, queue);
            lane::all(&topics, load.queues, load.batch, true, end)?
        }
    };
    let pullers = if load.mode == Mode::Pull { load.connections } else { load.pollers };
    for (index, lanes) in share_out(lanes, pullers, load.depth * load.connections).into_iter().enumerate() {
        workers[index % load.threads].add(Connection::open(load.broker)?, 0, Work::Pull(lanes));
    }
    if load.mode != Mode::Pull {
        for index in 0..load.connections {
            workers[index % load.threads].add(Connection::open(load.broker)?, load.depth, Work::Send);
        }
    }
    Ok(workers)
}

/// The lanes of each connection. With fewer queues than a load may have under way, several read the same one.
fn share_out(lanes: Vec<Lane>, connections: usize, at_least: usize) -> Vec<Vec<Lane>> {
    if lanes.is_empty() {
        return Vec::new();
    }
    let waits = lanes[0].waits;
    let count = if waits { lanes.len() } else { at_least };
    let connections = connections.min(count);
    let mut shares = vec![Vec::new(); connections];
    for (index, lane) in lanes.iter().cycle().take(count).enumerate() {
        shares[index % connections].push(lane.clone());
    }
    shares
}

/// CPU time of this process.
fn own_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(count: usize, waits: bool) -> Vec<Lane> {
        let lane = |queue| Lane { topic: "t".into(), queue, offset: 0, batch: 32, waits };
        (0..count as i32).map(lane).collect()
    }

    #[test]
    fn each_queue_has_one_poll_that_waits() {
        let shares = share_out(lanes(6, true), 4, 100);
        assert_eq!(shares.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1, 1]);
        assert_eq!(share_out(lanes(1, true), 4, 100).len(), 1);
    }

    #[test]
    fn readers_share_queues_when_there_are_few() {
        let shares = share_out(lanes(3, false), 4, 8);
        assert!(shares.iter().all(|share| share.len() == 2));
        assert!(share_out(Vec::new(), 4, 8).is_empty());
    }
}
