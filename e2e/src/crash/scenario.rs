//! The scenarios, by the names they are asked for.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail};

use super::{Tally, clocks, errno, flips, full, lives, pauses, steps, surgery};
use crate::history::Flush;
use crate::loop_disk::LoopDisk;
use crate::target::gantry_binaries;
use crate::toolchain::{Missing, on_path};

/// How much of a scenario is done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scale {
    /// What fits into every test run.
    Short,
    /// What is claimed.
    Long,
}

/// What is done to a broker.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scenario {
    /// F1.
    Kill(Flush),
    /// F2.
    PowerCut(Flush),
    /// F3.
    TornWrites(Flush),
    /// F4.
    Steps,
    /// F5.
    Recovery,
    /// F6.
    Errno,
    /// F7.
    DiskFull,
    /// F8.
    BitFlips,
    /// F9.
    Surgery,
    /// Of F10, what concerns one broker.
    Pauses,
    /// Of F13, what concerns one broker.
    Clocks,
    /// F22: nothing at all is done.
    Nothing,
}

impl Scenario {
    pub const ALL: [Self; 15] = [
        Self::Nothing,
        Self::Kill(Flush::Async),
        Self::Kill(Flush::Sync),
        Self::PowerCut(Flush::Sync),
        Self::PowerCut(Flush::Async),
        Self::TornWrites(Flush::Sync),
        Self::TornWrites(Flush::Async),
        Self::Steps,
        Self::Recovery,
        Self::Errno,
        Self::DiskFull,
        Self::BitFlips,
        Self::Surgery,
        Self::Pauses,
        Self::Clocks,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill(Flush::Async) => "kill-async",
            Self::Kill(Flush::Sync) => "kill-sync",
            Self::PowerCut(Flush::Async) => "power-cut-async",
            Self::PowerCut(Flush::Sync) => "power-cut-sync",
            Self::TornWrites(Flush::Async) => "torn-writes-async",
            Self::TornWrites(Flush::Sync) => "torn-writes-sync",
            Self::Steps => "steps",
            Self::Recovery => "recovery",
            Self::Errno => "errno",
            Self::DiskFull => "disk-full",
            Self::BitFlips => "bit-flips",
            Self::Surgery => "surgery",
            Self::Pauses => "pauses",
            Self::Clocks => "clocks",
            Self::Nothing => "nothing",
        }
    }

    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Kill(_) => "kill -9 under load",
            Self::PowerCut(_) => "what is not on the disk is gone, before or after a kill",
            Self::TornWrites(_) => {
                "a power cut after which any part of what was not on the disk is there, sector by sector"
            }
            Self::Steps => "death at each named step of appending, flushing, saving, and what waits",
            Self::Recovery => "death in the recovery after a power cut, and again",
            Self::Errno => {
                "the n-th sync, write, allocation or rename of each thread fails, then the power goes"
            }
            Self::DiskFull => "a full disk, then space again",
            Self::BitFlips => "bits of files are others at the next start",
            Self::Surgery => "files are cut, emptied, swapped or gone at the next start",
            Self::Pauses => "the process stands still for a while",
            Self::Clocks => "the wall clock is set, by a second to a day, forward and back",
            Self::Nothing => "nothing is done: the same clients, the same checks",
        }
    }

    /// How often it is done.
    #[must_use]
    pub fn cycles(self, scale: Scale) -> u32 {
        let (short, long) = match self {
            Self::Kill(_) => (40, 1_000),
            Self::PowerCut(Flush::Sync) => (25, 500),
            Self::TornWrites(Flush::Sync) => (25, 500),
            Self::PowerCut(Flush::Async) | Self::TornWrites(Flush::Async) => (10, 200),
            Self::Steps => (steps::count(1), steps::count(20)),
            Self::Recovery => (20, 100),
            Self::Errno => (errno::count(1), errno::count(20)),
            Self::DiskFull => (4, 40),
            Self::BitFlips => (40, 500),
            Self::Surgery => (surgery::COUNT, 4 * surgery::COUNT),
            Self::Pauses | Self::Clocks => (4, 100),
            Self::Nothing => (3, 20),
        };
        match scale {
            Scale::Short => short,
            Scale::Long => long,
        }
    }

    /// Whether it can be done here.
    pub fn available(self) -> Result<(), Missing> {
        gantry_binaries().map(drop)?;
        match self {
            Self::Kill(_) | Self::BitFlips | Self::Surgery | Self::Pauses | Self::Nothing => Ok(()),
            Self::PowerCut(_) | Self::TornWrites(_) | Self::DiskFull => LoopDisk::available(),
            Self::Steps | Self::Clocks => steps::available(),
            Self::Recovery => steps::available().and_then(|()| LoopDisk::available()),
            Self::Errno => on_path("strace").and_then(|()| LoopDisk::available()),
        }
    }

    /// Does it so often; tells `each` of every time.
    pub fn run(self, cycles: u32, seed: u64, each: &mut dyn FnMut()) -> Result<Tally> {
        match self {
            Self::Kill(flush) => lives::run(lives::Way::Kill, flush, cycles, seed, each),
            Self::PowerCut(flush) => lives::run(lives::Way::PowerCut, flush, cycles, seed, each),
            Self::TornWrites(flush) => lives::run(lives::Way::TornWrites, flush, cycles, seed, each),
            Self::Nothing => lives::run(lives::Way::CleanStop, Flush::Sync, cycles, seed, each),
            Self::Steps => steps::run(cycles, seed, each),
            Self::Recovery => steps::run_in_recovery(cycles, seed, each),
            Self::Errno => errno::run(cycles, seed, each),
            Self::DiskFull => full::run(cycles, seed, each),
            Self::BitFlips => flips::run(cycles, seed, each),
            Self::Surgery => surgery::run(cycles, seed, each),
            Self::Pauses => pauses::run(cycles, seed, each),
            Self::Clocks => clocks::run(cycles, seed, each),
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scenario {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        let Some(scenario) = Self::ALL.into_iter().find(|scenario| scenario.name() == name) else {
            bail!("no scenario {name}: there are {}", Self::ALL.map(Self::name).join(", "));
        };
        Ok(scenario)
    }
}
