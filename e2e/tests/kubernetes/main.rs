//! The operator on a real Kubernetes: that of `KUBECONFIG`, with the images of this version on it.
//!
//! Trials come in phases, by the operators that they need. Each trial has namespaces of its own.

mod clients;
mod crash;
mod disturb;
mod edits;
mod gitops;
mod install;
mod life;
mod many;
mod objects;
mod rights;
mod rules;
mod scaling;
mod troubles;

use std::process::ExitCode;

use anyhow::Result;
use gantry_e2e::kubernetes::{self, operator};
use gantry_e2e::report;
use gantry_e2e::toolchain::{Go, Java, Missing};
use libtest_mimic::{Arguments, Trial};

/// Trials wait most of their time, but each runs servers and a Java client.
const AT_A_TIME: usize = 3;

const LONG: &str = "GANTRY_E2E_LONG";

/// A trial's name, what it takes besides a cluster, and what it does.
type Named = (&'static str, Needs, fn() -> Result<()>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Nothing,
    Java,
    Go,
    AuditLog,
    /// Minutes more than all others together.
    Time,
}

impl Needs {
    fn available(self) -> Result<Result<(), Missing>> {
        Ok(match self {
            Self::Nothing => Ok(()),
            Self::Java => Java::ready()?.map(drop),
            Self::Go => Go::kstatus()?.map(drop),
            Self::Time => match std::env::var_os(LONG) {
                Some(_) => Ok(()),
                None => Err(Missing::new(format!("it takes long: set {LONG}=1 to run it"))),
            },
            Self::AuditLog => match std::env::var_os(rights::AUDIT_LOG) {
                Some(_) => Ok(()),
                None => {
                    Err(Missing::new(format!("{} is not set (see e2e/cluster/up --help)", rights::AUDIT_LOG)))
                }
            },
        })
    }
}

/// Trials that are run at the same time.
struct Phase {
    /// Whether an operator is installed by helm for all namespaces; otherwise there is none but those of the trials.
    operator: bool,
    trials: Vec<Named>,
}

/// First the others' definitions are made by helm; the last phase takes them away.
fn phases() -> [Phase; 6] {
    let mut usual = install::WITH_HELM.to_vec();
    usual.extend(clients::TRIALS);
    usual.extend(disturb::TRIALS);
    usual.extend(edits::TRIALS);
    usual.extend(gitops::TRIALS);
    usual.extend(rules::TRIALS);
    usual.extend(scaling::TRIALS);
    usual.extend(troubles::TRIALS);
    [
        Phase { operator: true, trials: usual },
        Phase { operator: true, trials: edits::OF_THE_OPERATOR.to_vec() },
        Phase { operator: true, trials: many::TRIALS.to_vec() },
        Phase { operator: true, trials: rights::TRIALS.to_vec() },
        Phase { operator: false, trials: crash::TRIALS.to_vec() },
        Phase { operator: false, trials: install::ALONE.to_vec() },
    ]
}

fn main() -> ExitCode {
    let mut args = Arguments::from_args();
    args.test_threads.get_or_insert(AT_A_TIME);
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the cluster of KUBECONFIG cannot be used: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all passed.
fn run(args: &Arguments) -> Result<bool> {
    let cluster = kubernetes::available()?;
    let mut passed = true;
    for phase in phases() {
        let wanted = |name: &str| args.filter.as_ref().is_none_or(|filter| name.contains(filter.as_str()));
        if !phase.trials.iter().any(|(name, ..)| wanted(name)) {
            continue;
        }
        let operator = phase.operator && cluster.is_ok() && !args.list;
        if operator {
            operator::install()?;
        }
        let trials = phase.trials.into_iter().map(|named| trial(named, &cluster)).collect::<Result<_>>()?;
        passed &= !libtest_mimic::run(args, trials).has_failed();
        if operator {
            operator::uninstall()?;
        }
    }
    if !args.list {
        report::print_skipped();
    }
    Ok(passed)
}

fn trial((name, needs, body): Named, cluster: &Result<(), Missing>) -> Result<Trial> {
    let available = match cluster {
        Ok(()) => needs.available()?,
        Err(missing) => Err(missing.clone()),
    };
    Ok(report::trial(name.into(), available, body))
}
