//! The process stands still for a while, and goes on as if nothing had been.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::Tally;
use super::ground::Ground;
use super::run::Run;
use crate::history::{Death, Flush};

pub(super) fn run(cycles: u32, seed: u64, each: &mut dyn FnMut()) -> Result<Tally> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut tally = Tally::default();
    let mut run = Run::new(Flush::Sync, Ground::folder()?)?;
    for _ in 0..cycles {
        run.begin_life()?;
        run.look()?;
        let pause = Duration::from_millis(random.u64(50..1_500));
        run.work_until(random.u64(50..500), Death::Kill, |victim| {
            victim.pause()?;
            thread::sleep(pause);
            victim.go_on();
            thread::sleep(Duration::from_millis(200));
            Ok(())
        })?;
        tally.witness("pauses", 1);
        tally.cycles += 1;
        each();
    }
    tally.add(run.judge()?);
    Ok(tally)
}
