//! The table of request codes in `docs/compatibility.md`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::probe::{Case, Probe, Tier, To};
use crate::probes::{FROM_BROKERS, PROBES};

const BEGIN: &str = "<!-- made by e2e/tests/compatibility: GANTRY_E2E_WRITE=1 writes it -->";
const END: &str = "<!-- end -->";

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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compatibility.md");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (head, rest) = text.split_once(BEGIN).context("the document has no place for the table")?;
    let (_, tail) = rest.split_once(END).context("the table has no end")?;
    let new = format!("{head}{BEGIN}\n{}{END}{tail}", table(rows));
    if std::env::var_os("GANTRY_E2E_WRITE").is_some() {
        return std::fs::write(&path, new).context("writing the table");
    }
    ensure!(
        new == text,
        "the table is another one now: write it with GANTRY_E2E_WRITE=1, and look at the changes"
    );
    Ok(())
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "\n| Code | Name | Tier | To | Asked | Apache 5.5.0 | Gantry | |\n|---|---|---|---|---|---|---|---|\n",
    );
    for Row { probe, case, gantry, apache } in rows {
        let tier = tier(probe.tier);
        let to = match probe.to {
            To::NameServer => "name server",
            To::Broker => "broker",
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
    text
}

fn tier(tier: Tier) -> u8 {
    match tier {
        Tier::One => 1,
        Tier::Two => 2,
        Tier::Three => 3,
    }
}
