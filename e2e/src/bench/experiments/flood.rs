//! As much as a broker takes, and more.

use std::time::Duration;

use anyhow::{Context as _, Result};
use gantry_bench::{Load, Pace, create_topics};

use super::stage::Stage;
use crate::bench::{Contestant, client, lines};

const CONNECTIONS: usize = 64;
const DEPTH: usize = 32;
/// Apache's client needs longer than anything else: it is compiled meanwhile.
const CLIENT_WARM_UP: u32 = 3;

pub(super) fn by_ours(stage: &mut Stage<'_>) -> Result<()> {
    let load = Load { connections: CONNECTIONS, depth: DEPTH, ..stage.load("flood") };
    let (tally, _) = stage.run(&load)?;
    stage.add(&lines::NATIVE, tally.rate());
    Ok(())
}

/// Twice what [`by_ours`] found: how much of the maximum is left.
pub(super) fn twice(stage: &mut Stage<'_>) -> Result<()> {
    if stage.contestant == Contestant::Responder {
        return Ok(());
    }
    let most = stage.findings.samples.at(&lines::NATIVE, stage.contestant, stage.round);
    let most = most.context("overload is judged by the maximum: ask for the row `sends`, too")?;
    let load = Load {
        pace: Pace::Rate(2.0 * most),
        connections: CONNECTIONS,
        // Of what is offered and not taken, most waits in the generator.
        depth: 8 * DEPTH,
        ..stage.load("overload")
    };
    create_topics(&load)?;
    let tally = gantry_bench::run(&load, |_| Ok(()))?;
    let refused: u64 = tally.refused.values().map(|failure| failure.count).sum();
    if refused > 0 {
        stage.note(format!("overload: {refused} refused, {} unsent", tally.unsent));
    }
    stage.add(&lines::OVERLOAD, tally.rate() / most * 100.0);
    Ok(())
}

pub(super) fn by_apaches_client(stage: &mut Stage<'_>) -> Result<()> {
    const TOPIC: &str = "client";
    create_topics(&stage.load(TOPIC))?;
    let warm_up = stage.times.settle.max(Duration::from_secs(2)) * CLIENT_WARM_UP;
    // It tells of whole seconds.
    let measured = stage.times.measured + Duration::from_secs(1);
    let (rate, failed) = client::measure(stage.arena, TOPIC, CONNECTIONS as u32, 128, warm_up, measured)?;
    if failed > 0 {
        stage.note(format!("Apache's client: {failed} sends failed"));
    }
    stage.add(&lines::CLIENT, rate);
    Ok(())
}
