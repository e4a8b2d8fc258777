//! The metrics of RocketMQ 5, from Gantry and from Apache's broker after the same messages: the same names, labels and values,
//! or a difference that has its reason. The table in `docs/compatibility.md` is made here.

mod expected;
mod scraped;
mod stage;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use gantry_e2e::await_condition::await_condition;
use gantry_e2e::{Target, document, report};
use libtest_mimic::Trial;

use expected::{EXPECTED, Expected, Is};
use scraped::Scraped;
use stage::Stage;

/// Apache's broker looks at some of them once in a while only.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    report::run(1, trials())
}

fn trials() -> Result<Vec<Trial>> {
    let available = Target::Gantry.available()?.and(Target::Apache.available()?);
    Ok(vec![report::trial("rocketmq-5".into(), available, compare)])
}

fn compare() -> Result<()> {
    let mut ours = Stage::start(Target::Gantry)?;
    let mut theirs = Stage::start(Target::Apache)?;
    ours.play()?;
    theirs.play()?;
    let mut differences = Vec::new();
    let met = await_condition("the metrics are as expected", PATIENCE, || {
        differences = differ(&ours.scrape()?, &theirs.scrape()?);
        Ok(differences.is_empty())
    });
    if met.is_err() {
        bail!("{}\n{}", differences.join("\n"), ours.log_tail());
    }
    document::has_part("compatibility.md", "e2e/tests/metrics", &table())
}

fn differ(ours: &Scraped, theirs: &Scraped) -> Vec<String> {
    let mut differences = Vec::new();
    let known: BTreeSet<_> = EXPECTED.iter().map(|expected| expected.name).collect();
    for (whose, scraped) in [("Apache's", theirs), ("Gantry's", ours)] {
        let unknown = scraped.names().filter(|name| !known.contains(name));
        differences.extend(unknown.map(|name| format!("{whose} {name} is not expected")));
    }
    for expected in EXPECTED {
        if let Err(difference) = check(expected, ours, theirs) {
            differences.push(format!("{}: {difference}", expected.name));
        }
    }
    differences
}

fn check(expected: &Expected, ours: &Scraped, theirs: &Scraped) -> Result<()> {
    let (gantry, apache) = (ours.values(expected.name), theirs.values(expected.name));
    ensure!(!apache.is_empty(), "Apache's broker does not tell it");
    match expected.is {
        Is::NotHere(_) => ensure!(gantry.is_empty(), "Gantry tells it: {gantry:?}"),
        Is::Same => ensure!(gantry == apache, "{gantry:?} here, {apache:?} there"),
        Is::OfTheMoment => {
            let labels = |values: &scraped::Values| values.keys().cloned().collect::<Vec<_>>();
            ensure!(labels(&gantry) == labels(&apache), "{gantry:?} here, {apache:?} there");
        }
        Is::Differs(_) => {
            ensure!(!gantry.is_empty(), "Gantry does not tell it");
            ensure!(gantry != apache, "nothing differs, and yet there is a reason");
        }
    }
    Ok(())
}

fn table() -> String {
    let mut text = String::from("| Metric | Apache 5.5.0 | Gantry | |\n|---|---|---|---|\n");
    for Expected { name, is } in EXPECTED {
        let (gantry, note) = match is {
            Is::Same | Is::OfTheMoment => ("yes", "the same"),
            Is::Differs(why) => ("yes", *why),
            Is::NotHere(why) => ("no", *why),
        };
        // Writing to memory does not fail.
        let _ = writeln!(text, "| `{name}` | yes | {gantry} | {note} |");
    }
    text
}
