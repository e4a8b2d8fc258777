//! Every request code that clients and tools send, to Gantry and to Apache's servers: the same code of the answer, the same fields,
//! the same members of the body. What differs has its reason beside it. The table in `docs/compatibility.md` is made here.

mod probe;
mod probes;
mod stage;
mod table;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};
use gantry_e2e::{Target, report};
use libtest_mimic::{Arguments, Trial};

use probe::{Case, Outcome, Probe};
use probes::PROBES;
use stage::Stage;
use table::Row;

/// One after the other: each probe finds what those before it have left.
const AT_A_TIME: usize = 1;

fn main() -> ExitCode {
    let mut args = Arguments::from_args();
    args.test_threads = Some(AT_A_TIME);
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
    let conclusion = libtest_mimic::run(&args, trials);
    if !args.list {
        report::print_skipped();
    }
    conclusion.exit_code()
}

/// Both sides, and what was found so far.
#[derive(Default)]
struct Comparison {
    stages: Option<[Stage; 2]>,
    rows: Vec<Row>,
}

fn trials() -> Result<Vec<Trial>> {
    let comparison = Arc::new(Mutex::new(Comparison::default()));
    let available = || -> Result<_> { Ok(Target::Gantry.available()?.and(Target::Apache.available()?)) };
    let mut trials = Vec::new();
    for probe in PROBES {
        for case in probe.cases {
            let name = format!("{}-{}::{}", probe.code, probe.name, case.about.replace(' ', "-"));
            let comparison = Arc::clone(&comparison);
            let run = move || {
                let mut comparison = comparison.lock().unwrap_or_else(PoisonError::into_inner);
                comparison.run(probe, case)
            };
            trials.push(report::trial(name, available()?, run));
        }
    }
    let finish = move || {
        let mut comparison = comparison.lock().unwrap_or_else(PoisonError::into_inner);
        comparison.stages = None;
        table::check(&comparison.rows)
    };
    trials.push(report::trial("table::docs-compatibility".into(), available()?, finish));
    Ok(trials)
}

impl Comparison {
    fn run(&mut self, probe: &'static Probe, case: &'static Case) -> Result<()> {
        if self.stages.is_none() {
            self.stages = Some([Stage::start(Target::Gantry)?, Stage::start(Target::Apache)?]);
        }
        let [ours, theirs] = self.stages.as_mut().context("they were started")?;
        let asked = |stage: &mut Stage| -> Result<Outcome> {
            let answer = stage.ask(probe, case).with_context(|| stage.log_tail())?;
            Ok(Outcome::of(&answer))
        };
        let (gantry, apache) = (asked(ours)?, asked(theirs)?);
        let differences = gantry.differences(&apache);
        self.rows.push(Row { probe, case, gantry: gantry.code, apache: apache.code });
        match case.reason {
            None if !differences.is_empty() => bail!("{}", differences.join("\n")),
            Some(reason) => {
                ensure!(!differences.is_empty(), "nothing differs, and yet there is a reason: {reason}");
                Ok(())
            }
            None => Ok(()),
        }
    }
}
