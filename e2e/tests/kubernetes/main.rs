//! The operator on a real Kubernetes: that of `KUBECONFIG`, with the images of this version on it.
//!
//! One operator is installed by helm for all trials; each trial has a namespace of its own.

mod clients;
mod disturb;
mod edits;
mod gitops;
mod rules;

use std::process::ExitCode;
use std::sync::OnceLock;

use anyhow::Result;
use gantry_e2e::kubernetes::{self, Operator};
use gantry_e2e::report;
use libtest_mimic::{Arguments, Failed, Trial};

/// Trials wait most of their time, but each runs servers and a Java client.
const AT_A_TIME: usize = 2;

static OPERATOR: OnceLock<Operator> = OnceLock::new();

fn main() -> ExitCode {
    let mut args = Arguments::from_args();
    args.test_threads.get_or_insert(AT_A_TIME);
    let mut trials = vec![("install::helm-test", install::helm_test as Body)];
    trials.extend(clients::TRIALS);
    trials.extend(disturb::TRIALS);
    trials.extend(edits::TRIALS);
    trials.extend(gitops::TRIALS);
    trials.extend(rules::TRIALS);
    let available = match kubernetes::available() {
        Ok(available) => available,
        Err(error) => {
            eprintln!("the cluster of KUBECONFIG cannot be used: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    if let Err(missing) = &available {
        trials.iter().for_each(|(name, _)| report::skipped(name, missing));
    } else if !args.list {
        match Operator::install() {
            Ok(operator) => drop(OPERATOR.set(operator)),
            Err(error) => {
                eprintln!("the operator cannot be installed: {error:#}");
                return ExitCode::FAILURE;
            }
        }
    }
    let trials = trials
        .into_iter()
        .map(|(name, body)| {
            let run = move || body(operator()).map_err(|error| Failed::from(format!("{error:#}")));
            Trial::test(name, run).with_ignored_flag(available.is_err())
        })
        .collect();
    if !args.list {
        report::print_skipped();
    }
    let conclusion = libtest_mimic::run(&args, trials);
    if !args.list {
        report::print_skipped();
    }
    conclusion.exit_code()
}

/// A trial's name and what it does.
type Body = fn(&Operator) -> Result<()>;
type Named = (&'static str, Body);

fn operator() -> &'static Operator {
    OPERATOR.get().expect("trials run after the installation")
}

mod install {
    use super::{Operator, Result};
    use anyhow::ensure;

    pub(super) fn helm_test(operator: &Operator) -> Result<()> {
        let said = operator.test()?;
        ensure!(said.contains("Succeeded"), "{said}");
        Ok(())
    }
}
