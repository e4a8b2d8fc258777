//! The table of request codes in `docs/compatibility.md`.

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use gantry_e2e::document;

use crate::probe::{Case, Probe, Tier, To};
use crate::probes::{FROM_BROKERS, FROM_NOBODY, PROBES};

/// What was asked and answered.
pub(crate) struct Row {
    pub(crate) probe: &'static Probe,
    pub(crate) case: &'static Case,
    pub(crate) gantry: i64,
    pub(crate) apache: i64,
}

/// The document has this table; or is given it, when `GANTRY_E2E_WRITE` is set.
pub(crate) fn check(rows: &[Row]) -> Result<()> {
    let all: usize = PROBES.iter().map(|probe| probe.cases.len()).sum();
    ensure!(rows.len() == all, "{} of {all} were asked: a table needs all of them", rows.len());
    document::has_part("compatibility.md", "e2e/tests/compatibility", &table(rows))
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "\n| Code | Name | Tier | To | Asked | Apache 5.5.0 | Gantry | |\n|---|---|---|---|---|---|---|---|\n",
    );
    for Row { probe, case, gantry, apache } in rows {
        let tier = tier(probe.tier);
        let to = match probe.to {
            To::NameServer => "name server",
            To::Broker | To::SecondPort => "broker",
        };
        let verdict = case.reason.unwrap_or("the same");
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {tier} | {to} | {} | {apache} | {gantry} | {verdict} |",
            probe.code, probe.name, case.about
        );
    }
    for (code, name, of, shown) in FROM_BROKERS {
        let _ =
            writeln!(text, "| {code} | {name} | {} | client | {shown} | sent | sent | the same |", tier(*of));
    }
    for (code, name, of, instead) in FROM_NOBODY {
        let _ = writeln!(
            text,
            "| {code} | {name} | {} | client | {instead} | not sent | not sent | the same |",
            tier(*of)
        );
    }
    text
}

fn tier(tier: Tier) -> u8 {
    match tier {
        Tier::One => 1,
        Tier::Two => 2,
        Tier::Three => 3,
    }
}
