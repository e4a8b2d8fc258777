//! Brokers that are wrong on purpose: what watches over them has to find out.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Context as _, Result, anyhow};

use super::errno;
use super::ground::Ground;
use super::lives::{Way, end_life, enough};
use super::run::Run;
use super::steps::programs;
use crate::checker::Check::{
    self, AckedAtOffset, AtMostOnce, Dense, Derivation, NoGhost, Offsets, OrderedConsumption, ReadStability,
    Timers, Transactions,
};
use crate::history::Flush;
use crate::loop_disk::LoopDisk;
use crate::toolchain::{Missing, on_path};

/// `gantry_store::faults::Fault`, by its name there, and the scenario that has to find it.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    pub name: &'static str,
    pub about: &'static str,
    hunt: Hunt,
    /// The checks that it can be found by. Others may fail for another reason: a busy machine is slow to start a broker.
    by: &'static [Check],
}

/// By what a bug was found.
#[derive(Clone, Debug)]
pub enum Found {
    Checks(BTreeSet<Check>),
    /// The broker does not start: it misses what it had said is on the disk.
    Refusal,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checks(checks) => {
                f.write_str(&checks.iter().map(Check::to_string).collect::<Vec<_>>().join(", "))
            }
            Self::Refusal => f.write_str("the broker itself, which does not start"),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Hunt {
    Lives(Way, Flush),
    /// As long as lives are here: what is done now and then has to have been done.
    LongLives,
    Errno,
}

impl Bug {
    pub const ALL: [Self; 12] = [
        Self::new(
            "NoSync",
            "the log is not synced",
            Hunt::Lives(Way::PowerCut, Flush::Sync),
            &[AckedAtOffset],
        ),
        Self::new(
            "AckBeforeSync",
            "messages are acknowledged before they are on the disk",
            Hunt::Lives(Way::PowerCut, Flush::Sync),
            &[AckedAtOffset],
        ),
        Self::new("SyncErrorSwallowed", "a failed sync counts as done", Hunt::Errno, &[AckedAtOffset]),
        Self::new(
            "MarkForgotten",
            "what was done with a message is not marked",
            Hunt::Lives(Way::Kill, Flush::Async),
            &[AtMostOnce, Transactions, Timers],
        ),
        Self::new(
            "TornAccepted",
            "a record counts without being whole",
            // There is more that may be torn when less is synced.
            Hunt::Lives(Way::TornWrites, Flush::Async),
            &[AckedAtOffset, Dense, NoGhost, ReadStability],
        ),
        Self::new(
            "OffsetReused",
            "after a recovery a queue gives an offset twice",
            Hunt::Lives(Way::Kill, Flush::Async),
            &[AckedAtOffset, Dense],
        ),
        Self::new(
            "QueueSkips",
            "one entry in a hundred is not written to its queue's file",
            Hunt::Lives(Way::Kill, Flush::Async),
            &[AckedAtOffset, Dense, Derivation],
        ),
        Self::new(
            "TopicsNotSaved",
            "a new topic is not saved",
            Hunt::Lives(Way::Kill, Flush::Async),
            // What is in a queue says itself which topics there are; what waits for its time has none yet.
            &[AckedAtOffset, Timers, Transactions],
        ),
        Self::new("OffsetsNotSaved", "consumer offsets are not saved", Hunt::LongLives, &[Offsets]),
        Self::new(
            "LockForAll",
            "a queue is locked for whoever asks",
            Hunt::Lives(Way::Kill, Flush::Async),
            &[OrderedConsumption],
        ),
        Self::new(
            "TimerEarly",
            "messages come half a second before their time",
            Hunt::Lives(Way::Kill, Flush::Async),
            &[Timers],
        ),
        Self::new(
            "CommitForgotten",
            "one commit in ten is answered and not done",
            Hunt::Lives(Way::Kill, Flush::Async),
            &[Transactions],
        ),
    ];

    /// Whether it can be looked for here.
    pub fn available(self) -> Result<(), Missing> {
        programs()?;
        match self.hunt {
            Hunt::LongLives | Hunt::Lives(Way::Kill | Way::CleanStop, _) => Ok(()),
            Hunt::Lives(Way::PowerCut | Way::TornWrites, _) => LoopDisk::available(),
            Hunt::Errno => on_path("strace").and_then(|()| LoopDisk::available()),
        }
    }

    const fn new(name: &'static str, about: &'static str, hunt: Hunt, by: &'static [Check]) -> Self {
        Self { name, about, hunt, by }
    }
}

/// Lives between two judgements.
const AT_ONCE: u32 = 10;

/// Has a wrong broker live until something is found, so often at most. Gives the cycles that took, and what was found.
pub fn hunt(bug: Bug, cycles: u32, seed: u64) -> Result<Option<(u32, Found)>> {
    let programs = programs().map_err(|missing| anyhow!("{missing}"))?;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut done = 0;
    while done < cycles {
        let (lives, verdict) = match bug.hunt {
            Hunt::Lives(..) | Hunt::LongLives => {
                let (way, flush, lives) = match bug.hunt {
                    Hunt::Lives(way, flush) => (way, flush, AT_ONCE),
                    _ => (Way::Kill, Flush::Async, 2),
                };
                let ground = if way == Way::Kill { Ground::folder()? } else { Ground::disk()? };
                let mut run = Run::new(flush, ground)?.expecting_the_worst();
                run.start.programs = Some(programs.clone());
                run.start.environment = vec![("GANTRY_BROKER_FAULT".into(), bug.name.into())];
                for life in 0..lives {
                    if !run.try_to_begin_life()? {
                        return Ok(Some((done + life, Found::Refusal)));
                    }
                    // What is wrong already is for the judge to say.
                    let _ = run.look();
                    let enough =
                        if matches!(bug.hunt, Hunt::LongLives) { u64::MAX } else { enough(&mut random) };
                    end_life(&mut run, way, enough, &mut random, &mut Default::default())?;
                }
                (lives, run.judge().context("judging")?)
            }
            Hunt::Errno => {
                let start = |run: &mut Run| {
                    run.start.programs = Some(programs.clone());
                    run.start.environment = vec![("GANTRY_BROKER_FAULT".into(), bug.name.into())];
                };
                let (_, verdict) = errno::one("msync", "EIO", random.usize(1..=20), &start)?;
                (1, verdict)
            }
        };
        done += lives;
        let failed = verdict.violations.iter().map(|violation| violation.check);
        let checks: BTreeSet<Check> = failed.filter(|check| bug.by.contains(check)).collect();
        if !checks.is_empty() {
            return Ok(Some((done, Found::Checks(checks))));
        }
        if !verdict.holds() {
            eprintln!("{}: something else was found: {verdict}", bug.name);
        }
    }
    Ok(None)
}
