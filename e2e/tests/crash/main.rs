//! A short version of every scenario of `crash`, and of the hunt for bugs that are there on purpose.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use gantry_e2e::crash::{Bug, Scale, Scenario, hunt};
use gantry_e2e::report;
use libtest_mimic::Trial;

/// In which each seeded bug has to be found.
const HUNT: u32 = 50;

fn main() -> ExitCode {
    report::run(2, Ok(trials()))
}

fn trials() -> Vec<Trial> {
    let scenarios = Scenario::ALL
        .into_iter()
        .map(|scenario| report::trial(scenario.to_string(), scenario.available(), move || short(scenario)));
    let bugs = Bug::ALL
        .into_iter()
        .map(|bug| report::trial(format!("seeded::{}", bug.name), bug.available(), move || is_found(bug)));
    scenarios.chain(bugs).collect()
}

fn short(scenario: Scenario) -> Result<()> {
    let seed = fastrand::u64(..);
    let tally = scenario.run(scenario.cycles(Scale::Short), seed, &mut || {})?;
    println!("{scenario} (seed {seed}): {tally}");
    ensure!(tally.holds(), "seed {seed}: {tally}");
    Ok(())
}

fn is_found(bug: Bug) -> Result<()> {
    let seed = fastrand::u64(..);
    let found = hunt(bug, HUNT, seed)?;
    let Some((cycles, found)) = found else {
        anyhow::bail!("{}, {}, is not found in {HUNT} cycles (seed {seed})", bug.name, bug.about);
    };
    println!("{}: found within {cycles} cycles, by {found}", bug.name);
    Ok(())
}
