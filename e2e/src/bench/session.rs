//! All of it: the check, the rounds, the report.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use gantry_bench::{Load, create_topics};

use super::arena::{Arena, Flush};
use super::experiments::{Alone, Experiment, Reference, Stage, Times};
use super::report::{self, Findings};
use super::{Contestant, gate, machine, rest, table};
use crate::toolchain::Java;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    pub rows: Vec<Experiment>,
    pub rounds: u32,
    /// Of each figure, what counts.
    pub measured: Duration,
    /// Short, and with less of everything: to try it.
    pub quick: bool,
    pub out: PathBuf,
}

impl Options {
    fn times(&self) -> Times {
        let [warm, settle] = if self.quick { [3, 1] } else { [30, 3] }.map(Duration::from_secs);
        Times { warm, settle, measured: if self.quick { Duration::from_secs(4) } else { self.measured } }
    }
}

/// More load than this by others makes figures that are not to be quoted.
const QUIET: f64 = 0.3;

/// Measures, and writes a report after each round. Gives the table.
pub fn run(options: &Options) -> Result<String> {
    let started = Instant::now();
    // What is done below is a load, too.
    let load = machine::load_average()?;
    let mut findings = Findings {
        gate: gate::check(if options.quick { 2 } else { 10 })?,
        is_quick: options.quick,
        ..Findings::default()
    };
    let with_apache = Java::ready()?;
    if let Err(missing) = &with_apache {
        findings.notes.push(format!("Apache SKIPPED: {missing}"));
        eprintln!("SKIPPED Apache: {missing}");
    }
    let with_apache = with_apache.is_ok();
    let times = options.times();
    findings.notes.push(format!("load average before: {load:?}"));
    if load[0] > QUIET {
        findings.notes.push(format!(
            "**The machine was not idle: its load average was {:.2} before, {QUIET} is what figures to be quoted take.**",
            load[0]
        ));
    }
    let needs = |flush| options.rows.iter().any(|row| row.is_on(flush));
    let flushes: Vec<Flush> = [Flush::Async, Flush::Sync].into_iter().filter(|flush| needs(*flush)).collect();
    let reference = reference(&flushes, with_apache, times)?;
    findings.settings = vec![
        format!(
            "{} rounds; in each, every broker in turn on an empty store; {:?} under load before the first figure, then {:?} before and {:?} \
             for each figure",
            options.rounds, times.warm, times.settle, times.measured
        ),
        format!(
            "half of Apache's maximum, at which both are compared: {:.0} sends/s with ASYNC_FLUSH, {:.0} with SYNC_FLUSH",
            reference.half(Flush::Async),
            reference.half(Flush::Sync)
        ),
        "latency from when a request was due; the generator and the broker share the machine".into(),
    ];
    for round in 0..options.rounds {
        for flush in &flushes {
            for contestant in order(round, *flush, with_apache) {
                // Others can be measured all the same, and a row that one of them failed stays without its figure.
                if let Err(error) = arm(contestant, *flush, round, options, reference, &mut findings) {
                    failed(&mut findings, round, &error.context(format!("{contestant}, {flush:?}")));
                }
            }
        }
        for row in &options.rows {
            let share = if options.quick { 0.05 } else { 1.0 };
            let mut alone = Alone { round, share, times, findings: &mut findings, with_apache };
            if ![Flush::Async, Flush::Sync].iter().any(|flush| row.is_on(*flush)) {
                eprintln!("[round {} of {}] {row:?}", round + 1, options.rounds);
                if let Err(error) = row.alone(&mut alone) {
                    failed(&mut findings, round, &error.context(format!("{row:?}")));
                }
            }
        }
        report::write(&findings, &options.out)?;
        eprintln!(
            "round {} of {} is over after {:.0} min; so far: {}",
            round + 1,
            options.rounds,
            started.elapsed().as_secs_f64() / 60.0,
            options.out.join("report.md").display()
        );
    }
    Ok(table::markdown(&findings.samples, !options.quick))
}

/// The bound first, since others are held against it; then the brokers, none always the first. That of SYNC_FLUSH is measured beside
/// each of them.
fn order(round: u32, flush: Flush, with_apache: bool) -> Vec<Contestant> {
    let mut brokers = vec![Contestant::Gantry];
    if with_apache {
        brokers.extend(Contestant::APACHES);
    }
    let turns = round as usize % brokers.len();
    brokers.rotate_left(turns);
    if flush == Flush::Async {
        brokers.insert(0, Contestant::Responder);
    }
    brokers
}

fn arm(
    contestant: Contestant,
    flush: Flush,
    round: u32,
    options: &Options,
    reference: Reference,
    findings: &mut Findings,
) -> Result<()> {
    let times = options.times();
    let rows: Vec<Experiment> =
        Experiment::ALL.into_iter().filter(|row| options.rows.contains(row) && row.is_on(flush)).collect();
    let load = machine::load_average()?[0];
    let about = times.warm + (times.settle + times.measured) * (2 * rows.len()) as u32;
    eprintln!(
        "[round {} of {}] {contestant}, {flush:?}: {rows:?}, about {} s; load average {load:.2}",
        round + 1,
        options.rounds,
        about.as_secs()
    );
    let cpu = machine::CpuTime::now()?;
    let arena = Arena::start(contestant, flush)?;
    warm_up(&arena, times.warm)?;
    let is_at_rest = rest::disk(arena.folder())?;
    let mut stage = Stage { arena: &arena, contestant, flush, round, times, reference, findings };
    if !is_at_rest {
        stage.note("the disk did not come to rest after the warm-up".into());
    }
    for row in rows {
        if let Err(error) = row.on(&mut stage) {
            failed(stage.findings, round, &error.context(format!("{row:?} of {contestant}, {flush:?}")));
        }
    }
    findings.notes.push(format!(
        "round {}, {contestant}, {flush:?}: load average before {load:.2}, {:.1} % of the CPU time stolen by other machines of the host",
        round + 1,
        machine::CpuTime::now()?.stolen_since(cpu)
    ));
    Ok(())
}

fn failed(findings: &mut Findings, round: u32, error: &anyhow::Error) {
    eprintln!("FAILED {error:#}");
    let said = format!("{error:#}");
    let first = said.lines().next().unwrap_or_default();
    findings.notes.push(format!("round {}: **failed**: {first}", round + 1));
}

/// Java compiles what it needs; files of the log are there.
fn warm_up(arena: &Arena, time: Duration) -> Result<()> {
    let load = Load {
        topic: "warm-up".into(),
        connections: 64,
        depth: 4,
        warm_up: Duration::ZERO,
        measured: time,
        ..Load::new(arena.address())
    };
    create_topics(&load)?;
    gantry_bench::run(&load, |_| Ok(())).map(drop)
}

/// What Apache's broker takes at most; without Java, what Gantry does.
fn reference(flushes: &[Flush], with_apache: bool, times: Times) -> Result<Reference> {
    let contestant = if with_apache { Contestant::Apache } else { Contestant::Gantry };
    let mut reference = Reference { asynchronous: 0.0, synchronous: 0.0 };
    for flush in flushes {
        eprintln!("how much does {contestant} take at most, {flush:?}?");
        let arena = Arena::start(contestant, *flush)?;
        warm_up(&arena, times.warm)?;
        let load = Load {
            topic: "most".into(),
            connections: 64,
            depth: 32,
            warm_up: times.settle,
            measured: times.measured,
            ..Load::new(arena.address())
        };
        create_topics(&load)?;
        let rate = gantry_bench::run(&load, |_| Ok(()))?.rate();
        ensure!(rate > 0.0, "{contestant} took nothing:\n{}", arena.log_tail());
        eprintln!("    {rate:.0} sends/s");
        match flush {
            Flush::Async => reference.asynchronous = rate,
            Flush::Sync => reference.synchronous = rate,
        }
    }
    Ok(reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_first_and_brokers_take_turns() {
        use Contestant::{Apache, ApacheTuned, Gantry, Responder};
        assert_eq!(order(0, Flush::Async, true), [Responder, Gantry, Apache, ApacheTuned]);
        assert_eq!(order(1, Flush::Async, true), [Responder, Apache, ApacheTuned, Gantry]);
        assert_eq!(order(5, Flush::Async, false), [Responder, Gantry]);
        assert_eq!(order(2, Flush::Sync, true), [ApacheTuned, Gantry, Apache]);
    }
}
