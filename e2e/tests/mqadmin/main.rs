//! mqadmin says the same about Gantry as about Apache's broker, when both hold the same.
//!
//! A trial runs one command on both and compares line by line: `gantry::topicStatus`. The trials `apache::...` compare a
//! second Apache broker with the first: what differs there is no finding, but a fault of the comparison.

mod normal;
mod prepared;
mod shell;
mod steps;
mod table;

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use gantry_e2e::{Target, report};
use libtest_mimic::Trial;

use normal::normalised;
use prepared::Prepared;
use shell::Shell;
use steps::{STEPS, Step};

fn main() -> ExitCode {
    let comparison = Arc::new(Mutex::new(Comparison::default()));
    // A step is run once on each cluster, in the order of the list.
    let exit = report::run_in_turn(trials(&comparison));
    lock(&comparison).clusters.clear();
    exit
}

fn trials(comparison: &Arc<Mutex<Comparison>>) -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    for step in STEPS {
        for target in Target::ALL {
            let name = format!("{target}::{}", step.name);
            let available = target.available()?.and(Target::Apache.available()?);
            let comparison = comparison.clone();
            trials.push(report::trial(name, available, move || lock(&comparison).run(step, target)));
        }
    }
    let available = Target::Gantry.available()?.and(Target::Apache.available()?);
    let comparison = Arc::clone(comparison);
    let table = move || {
        let mut comparison = lock(&comparison);
        let same = std::mem::take(&mut comparison.same);
        let all = comparison.shell()?.run("")?;
        table::check(&all, &same)
    };
    trials.push(report::trial("table::docs-compatibility".into(), available, table));
    Ok(trials)
}

/// Who is compared.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Side {
    /// Apache's broker, as it should be.
    Expected,
    Compared(Target),
}

#[derive(Default)]
struct Comparison {
    shell: Option<Shell>,
    clusters: HashMap<Side, Prepared>,
    /// The output of the step on the expected side, which several targets are compared with.
    expected: HashMap<&'static str, Vec<String>>,
    /// Steps in which Gantry was as Apache.
    same: BTreeSet<&'static str>,
}

impl Comparison {
    fn run(&mut self, step: &Step, target: Target) -> Result<()> {
        if !self.expected.contains_key(step.name) {
            let output = self.output(step, Side::Expected, Target::Apache)?;
            self.expected.insert(step.name, output);
        }
        let actual = self.output(step, Side::Compared(target), target)?;
        let expected = &self.expected[step.name];
        if *expected != actual {
            let log = self.clusters[&Side::Compared(target)].log_tail();
            bail!(
                "mqadmin {}\n(- Apache, + {target})\n{}\n{log}",
                step.command,
                difference(expected, &actual)
            );
        }
        if target == Target::Gantry {
            self.same.insert(step.name);
        }
        Ok(())
    }

    fn shell(&mut self) -> Result<&mut Shell> {
        match &mut self.shell {
            Some(shell) => Ok(shell),
            none => Ok(none.insert(Shell::start()?)),
        }
    }

    fn output(&mut self, step: &Step, side: Side, target: Target) -> Result<Vec<String>> {
        let prepared = match self.clusters.entry(side) {
            Entry::Occupied(prepared) => prepared.into_mut(),
            Entry::Vacant(none) => {
                none.insert(Prepared::start(target).with_context(|| format!("preparing {target}"))?)
            }
        };
        let command = format!("{} -n {}", prepared.fill(step.command), prepared.name_server_address());
        let lines = self.shell()?.run(&command)?;
        Ok(normalised(&lines, &self.clusters[&side], step.compare))
    }
}

/// Lines in common stand between those that differ; the longest common subsequence, since an output is short.
fn difference(expected: &[String], actual: &[String]) -> String {
    let mut common = vec![vec![0; actual.len() + 1]; expected.len() + 1];
    for (i, left) in expected.iter().enumerate().rev() {
        for (j, right) in actual.iter().enumerate().rev() {
            common[i][j] =
                if left == right { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < expected.len() || j < actual.len() {
        if i < expected.len() && j < actual.len() && expected[i] == actual[j] {
            lines.push(format!("  {}", expected[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == actual.len() || (i < expected.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(format!("- {}", expected[i]));
            i += 1;
        } else {
            lines.push(format!("+ {}", actual[j]));
            j += 1;
        }
    }
    lines.join("\n")
}

/// A trial that panicked has left nothing half done that the next could trip over.
fn lock(comparison: &Mutex<Comparison>) -> MutexGuard<'_, Comparison> {
    comparison.lock().unwrap_or_else(PoisonError::into_inner)
}
