//! What is done to a broker, and which figures that gives.

mod alone;
mod cold;
mod cost;
mod delivery;
mod flood;
mod growth;
mod shipped;
mod stage;
mod start;
mod sync;
mod syscalls;
mod waiting;

use anyhow::Result;
use clap::ValueEnum;

pub(super) use alone::Alone;
pub(super) use stage::{Reference, Stage, Times};

use super::arena::Flush;

/// In the order they are done on one broker: what leaves much for the disk to do comes last.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Experiment {
    /// CPU and p99.9 at half of Apache's maximum: sends of 128 B and 1 KiB, pulls; ASYNC_FLUSH and SYNC_FLUSH.
    Cost,
    /// From a send until a long poll has it.
    EndToEnd,
    /// System calls per send.
    Syscalls,
    /// SYNC_FLUSH with one sender, beside round trip and fdatasync.
    SyncOne,
    /// SYNC_FLUSH with 64 senders.
    Sync,
    /// Apache's benchmark client, 64 threads.
    Client,
    /// Our generator, 64 connections and 32 deep.
    Sends,
    /// Twice the maximum.
    Overload,
    /// From the start of the program until a message is stored.
    Start,
    /// Idle, and with many queues: memory, disk, mappings.
    Memory,
    /// 10,000 long polls.
    Polls,
    /// CPU and p99 from one queue to 100,000.
    Growth,
    /// A read of what is not in memory.
    Cold,
    /// Allocations per send and per message pulled.
    Allocations,
    /// The size of the image.
    Image,
}

impl Experiment {
    pub const ALL: [Self; 15] = [
        Self::Cost,
        Self::EndToEnd,
        Self::Syscalls,
        Self::SyncOne,
        Self::Sync,
        Self::Client,
        Self::Sends,
        Self::Overload,
        Self::Start,
        Self::Memory,
        Self::Polls,
        Self::Growth,
        Self::Cold,
        Self::Allocations,
        Self::Image,
    ];

    /// Whether it is done on a broker that others use, too.
    pub(super) fn is_on(self, flush: Flush) -> bool {
        match self {
            Self::Cost => true,
            Self::EndToEnd | Self::Syscalls | Self::Client | Self::Sends | Self::Overload => {
                flush == Flush::Async
            }
            Self::SyncOne | Self::Sync => flush == Flush::Sync,
            _ => false,
        }
    }

    /// Does it on a broker that is there and warm.
    pub(super) fn on(self, stage: &mut Stage<'_>) -> Result<()> {
        match self {
            Self::Cost => cost::measure(stage),
            Self::EndToEnd => delivery::measure(stage),
            Self::Syscalls => syscalls::measure(stage),
            Self::SyncOne => sync::one(stage),
            Self::Sync => sync::many(stage),
            Self::Client => flood::by_apaches_client(stage),
            Self::Sends => flood::by_ours(stage),
            Self::Overload => flood::twice(stage),
            _ => Ok(()),
        }
    }

    /// Does it on brokers of its own.
    pub(super) fn alone(self, alone: &mut Alone<'_>) -> Result<()> {
        match self {
            Self::Start => start::measure(alone),
            Self::Memory => waiting::memory(alone),
            Self::Polls => waiting::polls(alone),
            Self::Growth => growth::measure(alone),
            Self::Cold => cold::measure(alone),
            Self::Allocations => shipped::allocations(alone),
            Self::Image => shipped::image(alone),
            _ => Ok(()),
        }
    }
}
