//! SYNC_FLUSH: what a broker adds to what network and disk take. That is what a server takes with which the same client does the same,
//! and which only brings what came together to the disk, and answers: just before and after, because disks have their moods.

use anyhow::Result;
use gantry_bench::{Load, Tally};

use super::stage::{Stage, microseconds, run};
use crate::bench::arena::{Arena, Flush};
use crate::bench::{Contestant, lines};

const SENDERS: usize = 64;

/// 64 senders with one message each under way.
pub(super) fn many(stage: &mut Stage<'_>) -> Result<()> {
    let load = Load { connections: SENDERS, ..stage.load("sync-64") };
    let brief = briefly(&load);
    let before = least(&brief)?.rate();
    let (tally, _) = stage.run(&load)?;
    let after = least(&brief)?.rate();
    let rate = tally.rate();
    stage.note(format!(
        "{SENDERS} senders: {rate:.0} a second; network and fdatasync alone {before:.0} before, {after:.0} after"
    ));
    stage.add(&lines::SYNC_64, rate);
    if stage.contestant == Contestant::Gantry {
        stage.add_bound(&lines::SYNC_64, f64::midpoint(before, after));
    }
    Ok(())
}

pub(super) fn one(stage: &mut Stage<'_>) -> Result<()> {
    let load = stage.load("sync-1");
    let brief = briefly(&load);
    let least = || -> Result<f64> { Ok(microseconds(&least(&brief)?.latency, 50.0)) };
    let before = least()?;
    let (tally, _) = stage.run(&load)?;
    let after = least()?;
    let p50 = microseconds(&tally.latency, 50.0);
    stage.note(format!(
        "one sender: p50 {p50:.0} us; network and fdatasync alone {before:.0} us before, {after:.0} us after"
    ));
    stage.add(&lines::SYNC_ONE, p50 - f64::midpoint(before, after));
    Ok(())
}

/// A quarter of the load: before it and after it is half of it.
fn briefly(load: &Load) -> Load {
    Load { measured: load.measured / 4, ..load.clone() }
}

/// What network and disk alone take of the load.
pub(super) fn least(load: &Load) -> Result<Tally> {
    let arena = Arena::start_responder(Flush::Sync)?;
    Ok(run(arena.pid()?, &Load { broker: arena.address(), ..load.clone() })?.0)
}
