//! Every case of every client against every target: `gantry::java-5.5.0::push-orderly`.
//!
//! What is absent here (Java, Maven, Go, Gantry's binaries) turns its trials into ignored ones and is said aloud.

mod cases;
mod kind;
mod shared;

use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Result;
use gantry_e2e::case::{self, Client, Stage};
use gantry_e2e::{Cluster, Target, report};
use libtest_mimic::{Arguments, Conclusion, Trial};

use cases::{CASES, Case, Servers};

/// Most cases wait most of their time.
const AT_A_TIME: usize = 4;

static TIMES: Mutex<Vec<(Duration, String)>> = Mutex::new(Vec::new());

fn main() -> ExitCode {
    let mut args = Arguments::from_args();
    args.test_threads.get_or_insert(AT_A_TIME);
    let trials = match trials() {
        Ok(trials) => trials,
        Err(e) => {
            eprintln!("{e:#}");
            return ExitCode::FAILURE;
        }
    };
    if !args.list {
        report::print_skipped();
    }
    let start = Instant::now();
    let conclusion = libtest_mimic::run(&args, trials);
    case::stop_idle();
    shared::stop_all();
    if !args.list {
        print_summary(&conclusion, start.elapsed());
    }
    conclusion.exit_code()
}

fn trials() -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    for case in CASES {
        for target in Target::ALL {
            for client in case.clients {
                trials.push(trial(target, *client, case)?);
            }
        }
    }
    Ok(trials)
}

fn trial(target: Target, client: Client, case: &'static Case) -> Result<Trial> {
    let name = format!("{target}::{}::{}", client.name(), case.name);
    let available = target.available()?.and(client.available()?);
    Ok(report::trial(name.clone(), available, move || {
        let start = Instant::now();
        let outcome = run(target, client, case);
        TIMES.lock().expect("no one panics while holding it").push((start.elapsed(), name));
        outcome
    }))
}

fn run(target: Target, client: Client, case: &Case) -> Result<()> {
    match case.servers {
        Servers::Shared(kind) => {
            let cluster = shared::cluster(target, kind)?;
            let run = if case.alone { case::run } else { case::run_beside };
            run(client, case.program, case.args, &mut Stage::Shared(&cluster), case.limit())
        }
        Servers::Own(kind) => {
            let mut cluster = Cluster::start(target, kind.setup())?;
            case::run(client, case.program, case.args, &mut Stage::Own(&mut cluster), case.limit())
        }
    }
}

fn print_summary(conclusion: &Conclusion, took: Duration) {
    let mut times = std::mem::take(&mut *TIMES.lock().expect("all trials are over"));
    times.sort();
    let slowest: Vec<String> = times
        .iter()
        .rev()
        .take(5)
        .map(|(time, name)| format!("{name} {:.0} s", time.as_secs_f32()))
        .collect();
    eprintln!(
        "{} trials in {:.0} s; slowest: {}",
        conclusion.num_passed + conclusion.num_failed,
        took.as_secs_f32(),
        slowest.join(", ")
    );
    report::print_skipped();
}
