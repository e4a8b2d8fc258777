//! From when a message is due to be sent until a long poll has brought it.

use anyhow::{Result, ensure};
use gantry_bench::{Load, Mode, Pace};

use super::stage::{Stage, microseconds};
use crate::bench::{Contestant, lines};

/// Far below what any broker takes: waiting in line is not what is measured.
const RATE: f64 = 1_000.0;

pub(super) fn measure(stage: &mut Stage<'_>) -> Result<()> {
    if stage.contestant == Contestant::Responder {
        return Ok(());
    }
    let load = Load {
        mode: Mode::EndToEnd,
        pace: Pace::Rate(RATE),
        connections: 4,
        depth: 64,
        ..stage.load("end-to-end")
    };
    let (tally, _) = stage.run(&load)?;
    let (sent, came) = (tally.latency.len(), tally.end_to_end.len());
    ensure!(came > 0, "nothing came:\n{}", stage.arena.log_tail());
    if came != sent {
        stage.note(format!("end to end: {came} of {sent} messages came once"));
    }
    let contestant = stage.contestant;
    stage.findings.curves.add("end to end", contestant, &tally.end_to_end);
    stage.add(&lines::END_TO_END_P50, microseconds(&tally.end_to_end, 50.0));
    stage.add(&lines::END_TO_END_P99, microseconds(&tally.end_to_end, 99.0));
    Ok(())
}
