//! SYNC_FLUSH: what a broker adds to what the network and the disk take.

use anyhow::Result;
use gantry_bench::Load;

use super::stage::{Stage, microseconds};
use crate::bench::{Contestant, lines, probe};

const SENDERS: usize = 64;

/// 64 senders with one message each under way. Nobody can do better than one flush for all that wait, one round trip apart, nor
/// better than what answers without a flush.
pub(super) fn many(stage: &mut Stage<'_>) -> Result<()> {
    let load = Load { connections: SENDERS, ..stage.load("sync-64") };
    let (tally, _) = stage.run(&load)?;
    if stage.contestant != Contestant::Responder {
        stage.add(&lines::SYNC_64, tally.rate());
        return Ok(());
    }
    let flush = probe::sync_latency(stage.arena.folder())?.as_secs_f64();
    let round_trip = round_trip(stage)? / 1e6;
    stage.add(&lines::SYNC_64, tally.rate().min(SENDERS as f64 / (flush + round_trip)));
    Ok(())
}

/// One sender. The bound's figure is the round trip itself; it is measured first in each round.
pub(super) fn one(stage: &mut Stage<'_>) -> Result<()> {
    if stage.contestant == Contestant::Responder {
        let round_trip = round_trip(stage)?;
        stage.add(&lines::SYNC_ONE, round_trip);
        return Ok(());
    }
    let before = probe::sync_latency(stage.arena.folder())?;
    let (tally, _) = stage.run(&stage.load("sync-1"))?;
    let after = probe::sync_latency(stage.arena.folder())?;
    let flush = (before + after).as_secs_f64() / 2.0 * 1e6;
    let p50 = microseconds(&tally.latency, 50.0);
    let round_trip =
        stage.findings.samples.at(&lines::SYNC_ONE, Contestant::Responder, stage.round).unwrap_or(0.0);
    stage.note(format!(
        "one sender: p50 {p50:.0} us, of which a round trip takes {round_trip:.0} us and a write with fdatasync {flush:.0} us \
         ({:.0} before, {:.0} after)",
        before.as_secs_f64() * 1e6,
        after.as_secs_f64() * 1e6
    ));
    stage.add(&lines::SYNC_ONE, p50 - round_trip - flush);
    Ok(())
}

/// Microseconds, by what answers without doing anything.
fn round_trip(stage: &mut Stage<'_>) -> Result<f64> {
    let load = stage.load("round-trip");
    let (tally, _) = stage.run(&load)?;
    Ok(microseconds(&tally.latency, 50.0))
}
