//! Brokers that die, in every way that can be made here, under clients whose history is judged ([`crate::checker`]).

mod clients;
mod derived;
mod ground;
mod message;
mod run;
mod victim;

use anyhow::Result;

use crate::checker::Verdict;
use crate::history::{Death, Flush};
use crate::loop_disk::LoopDisk;
use crate::toolchain::Missing;
use ground::Ground;
use run::Run;

/// Lives of one store, before it is judged and the next is begun.
pub const LIVES: u32 = 25;

/// A way to die.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// F1.
    Kill,
    /// F2.
    PowerCut,
    /// F3.
    TornWrites,
}

impl Way {
    /// Whether it can be done here.
    pub fn available(self) -> Result<(), Missing> {
        match self {
            Self::Kill => Ok(()),
            Self::PowerCut | Self::TornWrites => LoopDisk::available(),
        }
    }
}

/// So many lives on one store; tells `each` of every death.
pub fn lives(way: Way, flush: Flush, count: u32, seed: u64, mut each: impl FnMut()) -> Result<Verdict> {
    let mut random = fastrand::Rng::with_seed(seed);
    let ground = match way {
        Way::Kill => Ground::folder()?,
        Way::PowerCut | Way::TornWrites => Ground::disk()?,
    };
    let mut run = Run::new(flush, ground)?;
    for _ in 0..count {
        run.begin_life()?;
        run.look()?;
        // Most lives are short; some are long enough for everything that is done now and then.
        let enough = if random.u32(..6) == 0 { random.u64(3_000..12_000) } else { random.u64(20..800) };
        match way {
            Way::Kill => run.work_until(enough, Death::Kill, |_| Ok(()))?,
            Way::PowerCut => {
                run.work_until_power_cut(enough, random.bool(), || false)?;
            }
            Way::TornWrites => {
                let is_before_kill = random.bool();
                let share = random.f64();
                run.work_until_power_cut(enough, is_before_kill, || random.f64() < share)?;
            }
        }
        each();
    }
    run.judge()
}
