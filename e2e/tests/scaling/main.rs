//! Ordered topics that are scaled under load by real clients, judged by the oracle.

mod changes;
mod controls;
mod elsewhere;
mod faulty;
mod growing;
mod killed;
mod scene;
mod stale;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use gantry_e2e::case::Client;
use gantry_e2e::toolchain::Missing;
use gantry_e2e::{Target, report};
use libtest_mimic::Trial;

/// Each takes some of a processor all the time.
const AT_A_TIME: usize = 4;

type Run = fn(Client) -> Result<()>;

fn main() -> ExitCode {
    report::run(AT_A_TIME, trials())
}

/// What a trial needs beyond clients and servers.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Needs {
    Nothing,
    Apache,
    Faults,
    Time,
    TimeAndFaults,
}

/// The name, what it needs, and whether both Java clients run it.
const TRIALS: [(&str, Needs, bool, Run); 15] = [
    ("grows", Needs::Nothing, true, growing::quickly),
    ("grows-with-defaults", Needs::Time, true, growing::with_defaults),
    ("aborted", Needs::Nothing, false, changes::aborted),
    ("shrinks", Needs::Nothing, false, changes::shrinks),
    ("again-while-draining", Needs::Nothing, false, changes::again_while_draining),
    ("reset-before-the-fence", Needs::Nothing, false, changes::reset_before_the_fence),
    ("cold", Needs::Nothing, false, changes::cold),
    ("stale-producer", Needs::Nothing, false, stale::suspected),
    ("ordered-by-key", Needs::Nothing, true, stale::corrected),
    ("on-apache", Needs::Apache, false, elsewhere::on_apache),
    ("killed-at-every-point", Needs::TimeAndFaults, false, killed::at_every_point),
    ("control::fence-when-announced", Needs::Nothing, false, controls::fence_when_announced),
    ("control::no-redirect", Needs::Faults, false, controls::no_redirect),
    ("control::no-gates", Needs::Faults, false, controls::no_gates),
    ("control::children-at-the-end", Needs::Faults, false, controls::children_at_the_end),
];

fn trials() -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    for (name, needs, both, run) in TRIALS {
        let clients: &[Client] = if both { &[Client::Java5, Client::Java4] } else { &[Client::Java5] };
        for client in clients {
            // A trial that takes long is run as often as is asked for.
            for number in 0..if needs == Needs::Time { long_runs() } else { 1 } {
                let number = if number == 0 { String::new() } else { format!("-{}", number + 1) };
                trials.push(trial(format!("{}::{name}{number}", client.name()), needs, *client, run)?);
            }
        }
    }
    Ok(trials)
}

fn is_long() -> bool {
    std::env::var_os("GANTRY_E2E_LONG").is_some()
}

/// `GANTRY_E2E_LONG`: how often trials are run that take long.
fn long_runs() -> u32 {
    std::env::var("GANTRY_E2E_LONG").ok().and_then(|runs| runs.parse().ok()).unwrap_or(1)
}

fn trial(name: String, needs: Needs, client: Client, run: Run) -> Result<Trial> {
    let met = match needs {
        Needs::Nothing => Ok(()),
        Needs::Apache => Target::Apache.available()?,
        Needs::Faults => faulty::programs().map(drop),
        Needs::TimeAndFaults if is_long() => faulty::programs().map(drop),
        Needs::Time if is_long() => Ok(()),
        Needs::Time | Needs::TimeAndFaults => {
            Err(Missing::new("it takes long: set GANTRY_E2E_LONG to how often to run it"))
        }
    };
    let available = Target::Gantry.available()?.and(client.available()?).and(met);
    Ok(report::trial(name.clone(), available, move || {
        let start = Instant::now();
        let outcome = run(client);
        eprintln!("{name}: {:.0} s", start.elapsed().as_secs_f32());
        outcome
    }))
}
