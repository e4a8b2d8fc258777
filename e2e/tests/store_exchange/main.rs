//! A store written by one broker and opened by the other: `apache-to-gantry::killed`.
//!
//! The first fills it and is stopped cleanly or killed; the second opens the same folder, on the same ports, and must
//! show the same messages at the same offsets, the same offsets of groups and the same settings, deliver what the first
//! still owed, and go on writing. Then the first opens it again, with what the second wrote.
//!
//! The trials from a broker to itself say what may be expected of the others.

mod content;
mod snapshot;

use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use gantry_e2e::broker_client::BrokerClient;
use gantry_e2e::{Cluster, Setup, Target, report};
use libtest_mimic::Trial;

use snapshot::{Keys, Snapshot};

const AT_A_TIME: usize = 3;

#[derive(Clone, Copy, Debug)]
enum End {
    CleanlyStopped,
    Killed,
}

fn main() -> ExitCode {
    report::run(AT_A_TIME, trials())
}

fn trials() -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    for from in Target::ALL {
        for to in Target::ALL {
            for (end, end_name) in [(End::CleanlyStopped, "cleanly-stopped"), (End::Killed, "killed")] {
                let name = format!("{from}-to-{to}::{end_name}");
                let available = from.available()?.and(to.available()?);
                trials.push(report::trial(name, available, move || exchange(from, to, end)));
            }
        }
    }
    Ok(trials)
}

fn exchange(from: Target, to: Target, end: End) -> Result<()> {
    // Several files of the log, with what fills the end of a file that the next message does not fit into.
    let mut cluster = Cluster::start(from, Setup::default().set("mappedFileSizeCommitLog", 1_048_576))?;
    let outcome = exchange_on(&mut cluster, to, end);
    outcome.map_err(|reason| anyhow!("{reason:#}\n{}", cluster.log_tail()))
}

fn exchange_on(cluster: &mut Cluster, to: Target, end: End) -> Result<()> {
    let from = cluster.target();
    let mut client = BrokerClient::open(cluster.broker_port())?;
    let debt = content::fill(&mut client)?;
    let written = Snapshot::take(&mut client, Keys::Found)?;
    content::await_saved_progress(&cluster.store())?;
    hand_over(cluster, to, end)?;

    let mut client = BrokerClient::open(cluster.broker_port())?;
    Snapshot::take(&mut client, keys_after(end, to))?
        .is_as(&written)
        .with_context(|| format!("{to} on the store of {from}"))?;
    debt.is_paid(&mut client).with_context(|| format!("{to} on what {from} owed"))?;
    content::write_more(&mut client).with_context(|| format!("{to} writing to the store of {from}"))?;
    let both = Snapshot::take(&mut client, keys_after(end, to))?;
    both.begins_with(&written)?;
    hand_over(cluster, from, end)?;

    let mut client = BrokerClient::open(cluster.broker_port())?;
    Snapshot::take(&mut client, keys_after(end, from))?
        .is_as(&both)
        .with_context(|| format!("{from} on its store after {to} wrote to it"))
}

fn keys_after(end: End, opened_by: Target) -> Keys {
    match (end, opened_by) {
        (End::Killed, Target::Apache) => Keys::PerhapsLost,
        _ => Keys::Found,
    }
}

fn hand_over(cluster: &mut Cluster, to: Target, end: End) -> Result<()> {
    match end {
        End::CleanlyStopped => cluster.stop_broker()?,
        End::Killed => cluster.kill_broker()?,
    }
    cluster.become_target(to)
}
