//! A short version of every scenario of `crash`, and of the hunt for bugs that are there on purpose.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use gantry_e2e::crash::{Bug, Scale, Scenario, hunt};
use gantry_e2e::report;
use libtest_mimic::{Arguments, Trial};

/// In which each seeded bug has to be found.
const HUNT: u32 = 50;

fn main() -> ExitCode {
    let mut args = Arguments::from_args();
    args.test_threads.get_or_insert(2);
    let mut trials: Vec<Trial> = Scenario::ALL
        .into_iter()
        .map(|scenario| report::trial(scenario.to_string(), scenario.available(), move || short(scenario)))
        .collect();
    trials.extend(
        Bug::ALL.into_iter().map(|bug| {
            report::trial(format!("seeded::{}", bug.name), bug.available(), move || is_found(bug))
        }),
    );
    if !args.list {
        report::print_skipped();
    }
    let conclusion = libtest_mimic::run(&args, trials);
    if !args.list {
        report::print_skipped();
    }
    conclusion.exit_code()
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
    let Some((cycles, checks)) = found else {
        anyhow::bail!("{}, {}, is not found in {HUNT} cycles (seed {seed})", bug.name, bug.about);
    };
    println!("{}: found within {cycles} cycles, by {checks:?}", bug.name);
    Ok(())
}
