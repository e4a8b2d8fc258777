//! A build that loses messages has no speed.

use anyhow::{Result, ensure};

use crate::crash::Scenario;
use crate::history::Flush;

/// What is done to it, before anything is measured.
const SCENARIOS: [Scenario; 3] =
    [Scenario::Kill(Flush::Async), Scenario::Kill(Flush::Sync), Scenario::PowerCut(Flush::Sync)];

/// Kills the broker that is going to be measured, so often in each way. Gives what was seen, a sentence each.
pub(super) fn check(cycles: u32) -> Result<Vec<String>> {
    let mut seen = Vec::new();
    for scenario in SCENARIOS {
        if let Err(missing) = scenario.available() {
            seen.push(format!("{scenario} skipped: {missing}"));
            continue;
        }
        eprintln!("does this build keep what it acknowledges? {scenario}, {cycles} times");
        let seed = fastrand::u64(..);
        let tally = scenario.run(cycles, seed, &mut || ())?;
        ensure!(
            tally.holds(),
            "no speed is told of a build that fails {scenario} (seed {seed}):\n{tally}\nSee `crash run {scenario}`."
        );
        seen.push(format!("{scenario}: {tally}").lines().next().unwrap_or_default().to_owned());
    }
    Ok(seen)
}
