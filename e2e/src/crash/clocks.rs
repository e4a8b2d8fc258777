//! The wall clock is set, forward and back, while clients are at work (`gantry_store::clock`, feature `faults`).

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};

use super::Tally;
use super::ground::Ground;
use super::run::Run;
use super::steps::programs;
use crate::history::{Death, Flush};

const DAY_MS: i64 = 24 * 3600 * 1000;

pub(super) fn run(cycles: u32, seed: u64, each: &mut dyn FnMut()) -> Result<Tally> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut tally = Tally::default();
    // What comes at a time comes by another clock than its sender's.
    let mut run = Run::new(Flush::Sync, Ground::folder()?)?.plain();
    let clock = run.folder().join("clock");
    set(&clock, 0)?;
    run.start.programs = Some(programs().map_err(|missing| anyhow!("{missing}"))?);
    run.start.environment = vec![("GANTRY_CLOCK_FILE".into(), clock.display().to_string())];
    for _ in 0..cycles {
        run.begin_life()?;
        run.look()?;
        run.work_until(random.u64(50..500), Death::Kill, |_| {
            for _ in 0..3 {
                let size = [1_000, 60_000, 3_600_000, DAY_MS][random.usize(..4)];
                set(&clock, random.i64(-size..=size))?;
                thread::sleep(Duration::from_millis(100));
            }
            Ok(())
        })?;
        tally.witness("times the clock was set", 3);
        tally.cycles += 1;
        each();
    }
    tally.add(run.judge()?);
    Ok(tally)
}

/// So many milliseconds ahead, from one read to the next.
fn set(clock: &Path, ahead: i64) -> Result<()> {
    let fresh = clock.with_extension("new");
    fs::write(&fresh, ahead.to_string())?;
    Ok(fs::rename(&fresh, clock)?)
}
