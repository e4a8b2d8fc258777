//! Brokers that are wrong on purpose: what watches over them has to find out.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, anyhow};

use super::errno;
use super::ground::Ground;
use super::lives::{Way, end_life, enough};
use super::run::Run;
use super::steps::programs;
use crate::checker::Check;
use crate::history::Flush;
use crate::loop_disk::LoopDisk;
use crate::toolchain::{Missing, on_path};

/// `gantry_store::faults::Fault`, by its name there, and the scenario that has to find it.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    pub name: &'static str,
    pub about: &'static str,
    hunt: Hunt,
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
        Self::new("NoSync", "the log is not synced", Hunt::Lives(Way::PowerCut, Flush::Sync)),
        Self::new(
            "AckBeforeSync",
            "messages are acknowledged before they are on the disk",
            Hunt::Lives(Way::PowerCut, Flush::Sync),
        ),
        Self::new("SyncErrorSwallowed", "a failed sync counts as done", Hunt::Errno),
        Self::new(
            "MarkForgotten",
            "what was done with a message is not marked",
            Hunt::Lives(Way::Kill, Flush::Async),
        ),
        Self::new(
            "TornAccepted",
            "a record counts without being whole",
            // There is more that may be torn when less is synced.
            Hunt::Lives(Way::TornWrites, Flush::Async),
        ),
        Self::new(
            "OffsetReused",
            "after a recovery a queue gives an offset twice",
            Hunt::Lives(Way::Kill, Flush::Async),
        ),
        Self::new(
            "QueueSkips",
            "one entry in a hundred is not written to its queue's file",
            Hunt::Lives(Way::Kill, Flush::Async),
        ),
        Self::new("TopicsNotSaved", "a new topic is not saved", Hunt::Lives(Way::Kill, Flush::Async)),
        Self::new("OffsetsNotSaved", "consumer offsets are not saved", Hunt::LongLives),
        Self::new("LockForAll", "a queue is locked for whoever asks", Hunt::Lives(Way::Kill, Flush::Async)),
        Self::new(
            "TimerEarly",
            "messages come half a second before their time",
            Hunt::Lives(Way::Kill, Flush::Async),
        ),
        Self::new(
            "CommitForgotten",
            "one commit in ten is answered and not done",
            Hunt::Lives(Way::Kill, Flush::Async),
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

    const fn new(name: &'static str, about: &'static str, hunt: Hunt) -> Self {
        Self { name, about, hunt }
    }
}

/// Lives between two judgements.
const AT_ONCE: u32 = 10;

/// Has a wrong broker live until something is found, so often at most. Gives the cycles that took, and what was found.
pub fn hunt(bug: Bug, cycles: u32, seed: u64) -> Result<Option<(u32, BTreeSet<Check>)>> {
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
                        // It says so itself: what it had acknowledged is not there.
                        return Ok(Some((done + life, BTreeSet::from([Check::Liveness]))));
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
        if !verdict.holds() {
            return Ok(Some((done, verdict.violations.iter().map(|violation| violation.check).collect())));
        }
    }
    Ok(None)
}
