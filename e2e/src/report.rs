//! Trials, and what is said loudly of those that were not tried.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;

use crate::toolchain::Missing;
use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};

/// Reasons and the trials they cost.
static SKIPPED: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());

/// Runs a test program's trials, so many at a time unless the command line says otherwise.
pub fn run(at_a_time: usize, trials: Result<Vec<Trial>>) -> ExitCode {
    let mut args = Arguments::from_args();
    args.test_threads.get_or_insert(at_a_time);
    run_as(&args, trials)
}

/// The same of trials that go on from each other.
pub fn run_in_turn(trials: Result<Vec<Trial>>) -> ExitCode {
    let mut args = Arguments::from_args();
    args.test_threads = Some(1);
    run_as(&args, trials)
}

fn run_as(args: &Arguments, trials: Result<Vec<Trial>>) -> ExitCode {
    let trials = match trials {
        Ok(trials) => trials,
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::FAILURE;
        }
    };
    if !args.list {
        print_skipped();
    }
    let conclusion = libtest_mimic::run(args, trials);
    if !args.list {
        print_skipped();
    }
    conclusion.exit_code()
}

/// A trial; without what it needs it is skipped, loudly.
pub fn trial(
    name: String,
    available: Result<(), Missing>,
    body: impl FnOnce() -> Result<()> + Send + 'static,
) -> Trial {
    if let Err(missing) = &available {
        skipped(&name, missing);
    }
    let run = || body().map_err(|error| Failed::from(format!("{error:#}")));
    Trial::test(name, run).with_ignored_flag(available.is_err())
}

fn skipped(trial: &str, missing: &Missing) {
    SKIPPED
        .lock()
        .expect("no one panics while holding it")
        .entry(missing.to_string())
        .or_default()
        .push(trial.into());
}

/// One line a reason; to be shown before the trials run and again after them, when it is what stands on the screen.
pub fn print_skipped() {
    for (reason, trials) in SKIPPED.lock().expect("no one panics while holding it").iter() {
        let some = trials.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        let more = if trials.len() > 3 { ", ..." } else { "" };
        eprintln!("SKIPPED {} trials, because {reason}: {some}{more}", trials.len());
    }
}
