//! As much as a broker takes, and more.

use std::time::Duration;

use anyhow::Result;
use gantry_bench::{Load, Pace, create_topics};

use super::stage::Stage;
use crate::bench::{client, lines};

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

/// Twice the most that is taken of as many requests under way: how much of it is left. The most is measured before and after,
/// because a disk takes less once it has something to write. What the bound does not keep, the generator takes.
pub(super) fn twice(stage: &mut Stage<'_>) -> Result<()> {
    let closed = Load { connections: CONNECTIONS, depth: 8 * DEPTH, ..stage.load("overload") };
    create_topics(&closed)?;
    let most = || -> Result<f64> { Ok(gantry_bench::run(&closed, |_| Ok(()))?.rate()) };
    let before = most()?;
    let load = Load { pace: Pace::Rate(2.0 * before.max(1.0)), ..closed.clone() };
    let tally = gantry_bench::run(&load, |_| Ok(()))?;
    let after = most()?;
    let refused: u64 = tally.refused.values().map(|failure| failure.count).sum();
    if refused > 0 {
        stage.note(format!("overload: {refused} refused, {} unsent", tally.unsent));
    }
    stage.note(format!(
        "overload: {before:.0}/s before, {:.0}/s of twice as many, {after:.0}/s after",
        tally.rate()
    ));
    stage.add(&lines::OVERLOAD, tally.rate() / f64::midpoint(before, after) * 100.0);
    Ok(())
}

pub(super) fn by_apaches_client(stage: &mut Stage<'_>) -> Result<()> {
    const TOPIC: &str = "client";
    create_topics(&stage.load(TOPIC))?;
    let warm_up = stage.times.settle.max(Duration::from_secs(2)) * CLIENT_WARM_UP;
    // It tells of whole seconds.
    let measured = stage.times.measured + Duration::from_secs(1);
    let seen = client::measure(stage.arena, TOPIC, CONNECTIONS as u32, 128, warm_up, measured)?;
    if seen.failed > 0 {
        stage.note(format!("Apache's client: {} sends failed", seen.failed));
    }
    stage.note(format!(
        "Apache's client: {:.1} s of broker CPU per million sends",
        seen.cpu_seconds_per_million
    ));
    stage.add(&lines::CLIENT, seen.sends_per_second);
    Ok(())
}
