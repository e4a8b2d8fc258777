//! F4 and F5: the broker dies at a step with a name (`gantry_store::faults`), with nothing tidied up.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Tally;
use super::ground::{Ground, Reached};
use super::lives::{LIVES, enough};
use super::run::Run;
use crate::history::{Death, Flush};
use crate::toolchain::Missing;

/// What the clients have a broker do all the time. How often a life comes there is for the trial to find out: the later times are
/// tried as far as they come.
const STEPS: &[&str] = &[
    "append: copied",
    "append: sealed",
    "append: queued",
    "append of both: copied",
    "append of both: one sealed",
    "append of both: sealed",
    "append of both: queued",
    "log: rolled",
    "flush: begun",
    "flush: to the end of a file",
    "flush: on the disk",
    "flush: noted",
    "flush: told",
    "queues: written",
    "checkpoint: queues synced",
    "checkpoint: half written",
    "checkpoint: written",
    "topics.json: written",
    "topics.json: backup removed",
    "topics.json: backup made",
    "topics.json: renamed",
    "consumerOffset.json: written",
    "consumerOffset.json: backup removed",
    "consumerOffset.json: backup made",
    "consumerOffset.json: renamed",
    "ledgers: positions told",
    "ledgers: log safe",
    "timer: waits",
    "timer: claimed",
    "timer: delivered",
    "transaction: half stored",
    "transaction: decided",
    "transaction: committed",
    "transaction: rolled back",
    "transaction: asked",
    "transaction: asking on record",
];
/// What a start after a crash comes by, once each.
const IN_RECOVERY: &[&str] = &[
    "recovery: queues prepared",
    "recovery: replayed",
    "recovery: settled",
    "recovery: later files removed",
    "recovery: cut",
    "start: store recovered",
    "start: state found",
];
/// A life that does not come to its step goes on for so long, and is killed then.
const PATIENCE: Duration = Duration::from_secs(8);

/// Each step, for the first so many times that it is come to.
pub(super) fn count(times: u32) -> u32 {
    STEPS.len() as u32 * times
}

/// The folder with the broker that dies when it is told to.
pub(super) fn programs() -> Result<PathBuf, Missing> {
    let folder = env::var_os("GANTRY_FAULTY_BIN_DIR").map(PathBuf::from);
    folder.filter(|folder| folder.join("gantry-broker").is_file()).ok_or_else(|| {
        Missing::new("no broker that dies at steps: GANTRY_FAULTY_BIN_DIR names none (./test builds one)")
    })
}

pub(super) fn available() -> Result<(), Missing> {
    programs().map(drop)
}

pub(super) fn run(cycles: u32, seed: u64, each: &mut dyn FnMut()) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut run = None;
    let mut random = fastrand::Rng::with_seed(seed);
    for cycle in 0..cycles {
        let step = STEPS[cycle as usize % STEPS.len()];
        let time = cycle as usize / STEPS.len() + 1;
        let life = match &mut run {
            Some(run) => run,
            None => run.insert(special(Ground::folder()?)?),
        };
        // The later times are far apart; no life waits for all of them.
        let nth = if time == 1 { 1 } else { random.usize(1..=time * 3) };
        life.start.environment = vec![("GANTRY_DIES_AT_STEP".into(), format!("{step}#{nth}"))];
        if life.try_to_begin_life()? && life.try_to_look()? {
            let died = life.work_until_it_dies(PATIENCE)?;
            tally.witness(if died { "died at their step" } else { "killed, not having come to it" }, 1);
            if !died && time == 1 {
                tally.missed.push(step.into());
            }
        } else {
            tally.witness("died at their step", 1);
        }
        tally.cycles += 1;
        each();
        if (cycle + 1) % LIVES == 0 || cycle + 1 == cycles {
            let mut done = run.take().context("it was made above")?;
            done.start.environment.clear();
            tally.add(done.judge()?);
        }
    }
    Ok(tally)
}

/// The power goes under load, and the next start dies in its recovery: at each of its steps, or at any time.
pub(super) fn run_in_recovery(cycles: u32, seed: u64, each: &mut dyn FnMut()) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut random = fastrand::Rng::with_seed(seed);
    while tally.cycles < cycles {
        let mut run = special(Ground::disk()?)?;
        for _ in 0..LIVES.min(cycles - tally.cycles) {
            run.begin_life()?;
            run.look()?;
            run.work_until_power_cut(enough(&mut random), random.bool(), || Reached::any(&mut random, 0.5))?;
            for _ in 0..random.usize(1..4) {
                die_in_recovery(&mut run, &mut random, &mut tally)?;
            }
            tally.cycles += 1;
            each();
        }
        tally.add(run.judge()?);
    }
    Ok(tally)
}

fn die_in_recovery(run: &mut Run, random: &mut fastrand::Rng, tally: &mut Tally) -> Result<()> {
    if random.u32(..3) == 0 {
        let after = Duration::from_micros(random.u64(200..20_000));
        run.kill_after_start(after)?;
        tally.witness("killed a moment after their start", 1);
    } else {
        let step = IN_RECOVERY[random.usize(..IN_RECOVERY.len())];
        run.start.environment = vec![("GANTRY_DIES_AT_STEP".into(), format!("{step}#1"))];
        let died = !run.try_to_begin_life()?;
        run.start.environment.clear();
        tally.witness("died in their recovery", u64::from(died));
        if !died {
            run.work_until(1, Death::Kill, |_| Ok(()))?;
        }
    }
    // And what it had done may be lost as well.
    if random.bool() {
        run.cut_power_now(|| Reached::any(random, 0.5))?;
    }
    Ok(())
}

fn special(ground: Ground) -> Result<Run> {
    let mut run = Run::new(Flush::Sync, ground)?;
    run.start.programs = Some(programs().map_err(|missing| anyhow::anyhow!("{missing}"))?);
    Ok(run)
}
