//! The table of subcommands in `docs/compatibility.md`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Result, ensure};
use gantry_e2e::document;

use crate::steps::{NOT_COMPARED, STEPS};

/// `listed`: what mqadmin says of its subcommands. `same`: steps in which both printed the same.
pub(crate) fn check(listed: &[String], same: &BTreeSet<&str>) -> Result<()> {
    let subcommands: Vec<_> = listed
        .iter()
        .filter_map(|line| line.strip_prefix("   ")?.split_once("  "))
        .map(|(name, _)| name.trim())
        .collect();
    ensure!(subcommands.len() > 50, "mqadmin lists {} subcommands", subcommands.len());
    let mut text = String::from("\n| Subcommand | Compared by | |\n|---|---|---|\n");
    for subcommand in subcommands {
        let is_of = |command: &str| command.split(' ').next() == Some(subcommand);
        let steps: Vec<_> = STEPS.iter().filter(|step| is_of(step.command)).map(|step| step.name).collect();
        let reason = NOT_COMPARED.iter().find(|(name, _)| *name == subcommand).map(|(_, reason)| *reason);
        let verdict = match reason {
            Some(reason) => {
                ensure!(steps.is_empty(), "{subcommand} is compared, and yet there is a reason why not");
                reason
            }
            None => {
                ensure!(!steps.is_empty(), "{subcommand} is not compared, and there is no reason");
                let differs: Vec<_> = steps.iter().filter(|step| !same.contains(**step)).collect();
                ensure!(differs.is_empty(), "the same was not printed by {differs:?}");
                "the same"
            }
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {subcommand} | {} | {verdict} |", steps.join(", "));
    }
    document::has_part("compatibility.md", "e2e/tests/mqadmin", &text)
}
