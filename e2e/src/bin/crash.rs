//! Brokers that die, and the judge of what their clients saw.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use gantry_e2e::checker;
use gantry_e2e::crash::{Bug, Scale, Scenario, Tally, hunt};
use gantry_e2e::history;
use indicatif::{ProgressBar, ProgressStyle};

/// Kills brokers under load, in every way that works on this machine, and judges what their clients saw.
///
/// Needs root for disks whose power can be cut, strace for calls that fail, and GANTRY_FAULTY_BIN_DIR (a gantry-broker with the feature
/// `faults`) for deaths at named steps and for bugs on purpose.
#[derive(Parser)]
#[command(after_help = "Examples:
  crash run                        every scenario, as long as what is claimed of it
  crash run --short                every scenario, as in ./test
  crash run kill-sync --cycles 50  one of them
  crash seeded                     bugs on purpose: each has to be found within 50 cycles
  crash check history.jsonl        judge a history that was kept")]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Name the scenarios.
    List,
    /// Kill brokers.
    Run {
        /// Names of scenarios; all when none is given.
        scenarios: Vec<Scenario>,
        /// How often each is done, instead of what is claimed of it.
        #[arg(long, conflicts_with = "short")]
        cycles: Option<u32>,
        /// As often as in ./test.
        #[arg(long)]
        short: bool,
        /// The same again.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Look for bugs that are there on purpose.
    Seeded {
        /// Names of bugs; all when none is given.
        bugs: Vec<String>,
        /// In which each has to be found.
        #[arg(long, default_value = "50")]
        cycles: u32,
    },
    /// Judge a history.
    Check { history: PathBuf },
}

fn main() -> Result<ExitCode> {
    let holds = match Args::parse().what {
        What::List => {
            for scenario in Scenario::ALL {
                println!("{:18} {:6} {}", scenario.name(), scenario.cycles(Scale::Long), scenario.about());
            }
            true
        }
        What::Run { scenarios, cycles, short, seed } => {
            let scale = if short { Scale::Short } else { Scale::Long };
            let scenarios = if scenarios.is_empty() { Scenario::ALL.to_vec() } else { scenarios };
            run(&scenarios, |scenario| cycles.unwrap_or_else(|| scenario.cycles(scale)), seed)?
        }
        What::Seeded { bugs, cycles } => seeded(&bugs, cycles)?,
        What::Check { history } => {
            let verdict = checker::check(&history::read(&history)?);
            println!("{verdict}");
            verdict.holds()
        }
    };
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run(scenarios: &[Scenario], cycles: impl Fn(Scenario) -> u32, seed: Option<u64>) -> Result<bool> {
    let (mut failed, mut skipped) = (Vec::new(), Vec::new());
    for scenario in scenarios.iter().copied() {
        if let Err(missing) = scenario.available() {
            println!("SKIPPED {scenario}: {missing}");
            skipped.push(scenario.name());
            continue;
        }
        let seed = seed.unwrap_or_else(|| fastrand::u64(..));
        let started = Instant::now();
        let bar = bar(scenario.name(), cycles(scenario).into());
        let tally = scenario.run(cycles(scenario), seed, &mut || bar.inc(1));
        bar.finish_and_clear();
        let took = started.elapsed();
        match tally {
            Ok(tally) => {
                println!("{} {scenario}, seed {seed}, {} s: {tally}", said(&tally), took.as_secs());
                if !tally.holds() {
                    failed.push(scenario.name());
                }
            }
            Err(error) => {
                println!("FAILED {scenario}, seed {seed}: {error:#}");
                failed.push(scenario.name());
            }
        }
    }
    println!(
        "{} passed, {} failed, {} skipped",
        scenarios.len() - failed.len() - skipped.len(),
        failed.len(),
        skipped.len()
    );
    Ok(failed.is_empty())
}

fn said(tally: &Tally) -> &'static str {
    if tally.holds() { "ok" } else { "FAILED" }
}

fn seeded(names: &[String], cycles: u32) -> Result<bool> {
    let mut missed = 0;
    for name in names {
        if !Bug::ALL.iter().any(|bug| bug.name == name) {
            bail!("no bug {name}: there are {}", Bug::ALL.map(|bug| bug.name).join(", "));
        }
    }
    for bug in
        Bug::ALL.into_iter().filter(|bug| names.is_empty() || names.iter().any(|name| name == bug.name))
    {
        match hunt(bug, cycles, fastrand::u64(..))? {
            Some((after, found)) => {
                println!("found   {:20} within {after} cycles, by {found}: {}", bug.name, bug.about);
            }
            None => {
                println!("MISSED  {:20} in {cycles} cycles: {}", bug.name, bug.about);
                missed += 1;
            }
        }
    }
    Ok(missed == 0)
}

fn bar(name: &str, cycles: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{prefix:18} {wide_bar} {pos}/{len}  {elapsed} (about {eta} left)")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(cycles).with_style(style).with_prefix(name.to_owned());
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}
