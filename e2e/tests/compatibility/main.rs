//! Every request code that clients and tools send, to Gantry and to Apache's servers: the same code of the answer, the same fields,
//! the same members of the body. What differs has its reason beside it. The table in `docs/compatibility.md` is made here. What the
//! dashboard sends is asked once more as it sends it.

mod dashboard;
mod probe;
mod probes;
mod stage;
mod table;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use gantry_e2e::{Target, report};
use libtest_mimic::Trial;

use probe::{Case, Outcome, Probe};
use probes::PROBES;
use stage::Stage;
use table::Row;

fn main() -> ExitCode {
    // Each probe finds what those before it have left.
    report::run_in_turn(trials())
}

/// Both sides, and what was found so far.
#[derive(Default)]
struct Comparison {
    stages: Option<[Stage; 2]>,
    rows: Vec<Row>,
    has_rates: bool,
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
                let (gantry, apache) = comparison.run(probe, case)?;
                comparison.rows.push(Row { probe, case, gantry, apache });
                Ok(())
            };
            trials.push(report::trial(name, available()?, run));
        }
    }
    for page in dashboard::PAGES {
        for probe in page.requests {
            for case in probe.cases {
                let about = case.about.replace(' ', "-");
                let page = page.name.replace(' ', "-");
                let name = format!("dashboard::{page}::{}-{}::{about}", probe.code, probe.name);
                let comparison = Arc::clone(&comparison);
                let run = move || {
                    let mut comparison = comparison.lock().unwrap_or_else(PoisonError::into_inner);
                    comparison.run_with_rates(probe, case)
                };
                trials.push(report::trial(name, available()?, run));
            }
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
    /// The codes of both answers, which differ only where they are meant to.
    fn run(&mut self, probe: &'static Probe, case: &'static Case) -> Result<(i64, i64)> {
        let [ours, theirs] = self.stages()?;
        let asked = |stage: &mut Stage| -> Result<Outcome> {
            let answer = stage.ask(probe, case).with_context(|| stage.log_tail())?;
            Ok(Outcome::of(&answer))
        };
        let (gantry, apache) = (asked(ours)?, asked(theirs)?);
        let differences = gantry.differences(&apache);
        match case.reason {
            None => ensure!(differences.is_empty(), "{}", differences.join("\n")),
            Some(reason) => {
                ensure!(!differences.is_empty(), "nothing differs, and yet there is a reason: {reason}");
            }
        }
        Ok((gantry.code, apache.code))
    }

    /// As [`Self::run`], when there is something to tell about the last minute.
    fn run_with_rates(&mut self, probe: &'static Probe, case: &'static Case) -> Result<()> {
        if !self.has_rates {
            self.stages()?.iter_mut().try_for_each(Stage::await_rates)?;
            self.has_rates = true;
        }
        self.run(probe, case).map(drop)
    }

    fn stages(&mut self) -> Result<&mut [Stage; 2]> {
        if self.stages.is_none() {
            self.stages = Some([Stage::start(Target::Gantry)?, Stage::start(Target::Apache)?]);
        }
        self.stages.as_mut().context("they were started")
    }
}
