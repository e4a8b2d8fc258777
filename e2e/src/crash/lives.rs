//! F1 to F3: the same end again and again, at any time.

use anyhow::Result;

use super::Tally;
use super::ground::{Ground, Reached};
use super::run::Run;
use crate::history::{Death, Flush};

/// Lives of one store, before it is judged and the next is begun.
pub(super) const LIVES: u32 = 25;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    Kill,
    PowerCut,
    TornWrites,
    CleanStop,
}

pub(super) fn run(way: Way, flush: Flush, cycles: u32, seed: u64, each: &mut dyn FnMut()) -> Result<Tally> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut tally = Tally::default();
    while tally.cycles < cycles {
        let ground =
            if matches!(way, Way::PowerCut | Way::TornWrites) { Ground::disk()? } else { Ground::folder()? };
        let mut run = Run::new(flush, ground)?;
        for _ in 0..LIVES.min(cycles - tally.cycles) {
            run.begin_life()?;
            run.look()?;
            end_life(&mut run, way, enough(&mut random), &mut random, &mut tally)?;
            tally.cycles += 1;
            each();
        }
        tally.add(run.judge()?);
    }
    Ok(tally)
}

/// Most lives are short; some are long enough for everything that is done now and then.
pub(super) fn enough(random: &mut fastrand::Rng) -> u64 {
    match random.u32(..12) {
        0 => random.u64(25_000..50_000),
        1 => random.u64(3_000..12_000),
        _ => random.u64(20..800),
    }
}

pub(super) fn end_life(
    run: &mut Run,
    way: Way,
    enough: u64,
    random: &mut fastrand::Rng,
    tally: &mut Tally,
) -> Result<()> {
    let lost = match way {
        Way::Kill => return run.work_until(enough, Death::Kill, |_| Ok(())),
        Way::CleanStop => {
            run.work(enough)?;
            return run.stop();
        }
        Way::PowerCut => run.work_until_power_cut(enough, random.bool(), || Reached::Nothing)?,
        Way::TornWrites => {
            let is_before_kill = random.bool();
            let share = random.f64();
            let reached = || Reached::any(random, share);
            let lost = run.work_until_power_cut(enough, is_before_kill, reached)?;
            tally.witness("sectors that were there all the same", lost.kept as u64);
            tally.witness("sectors of which a part was there", lost.midway as u64);
            lost
        }
    };
    tally.witness("sectors that had not reached the disk", lost.sectors as u64);
    Ok(())
}
