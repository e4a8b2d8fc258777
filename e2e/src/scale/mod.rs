//! Brokers with much of something in them: what that takes.

mod figures;
mod fill;
mod lateness;

use anyhow::{Result, ensure};
use clap::ValueEnum;

use crate::{Cluster, Setup, Target};

pub use figures::Figures;

/// What there is much of.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Much {
    /// Messages that wait for a time of delivery, a day away and more.
    Timers,
    /// Topics of one queue, with a message each.
    Topics,
    /// Queues, ten to a topic, with a message each.
    Queues,
    /// Connections, each with a pull that waits.
    Polls,
    /// Groups that wait for messages of one queue.
    Groups,
}

impl Much {
    pub const ALL: [Self; 5] = [Self::Timers, Self::Topics, Self::Queues, Self::Polls, Self::Groups];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Timers => "timers",
            Self::Topics => "topics",
            Self::Queues => "queues, ten to a topic",
            Self::Polls => "polls that wait",
            Self::Groups => "groups on a queue",
        }
    }

    /// How many, of the full number.
    #[must_use]
    pub fn count(self, share: f64) -> usize {
        let full = match self {
            Self::Timers => 1_000_000,
            Self::Topics | Self::Queues => 100_000,
            Self::Polls => 10_000,
            Self::Groups => 1_000,
        };
        (f64::from(full) * share).ceil() as usize
    }
}

/// Lets this process and the brokers that it starts open as many files as they may.
pub fn raise_limits() -> Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls take a struct that lives as long as they do.
    let done = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 && {
            // Root may raise the maximum; Apache's broker keeps two files open for each queue.
            let more = libc::rlimit { rlim_cur: 655_350, rlim_max: limit.rlim_max.max(655_350) };
            let most = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const more) == 0
                || libc::setrlimit(libc::RLIMIT_NOFILE, &raw const most) == 0
        }
    };
    ensure!(done, "limits of open files: {}", std::io::Error::last_os_error());
    Ok(())
}

/// Fills a new broker, and starts it once more.
pub fn measure(target: Target, much: Much, count: usize) -> Result<Figures> {
    let setup = Setup::default()
        .full_speed()
        .set("longPollingEnable", true)
        // Index files of their usual size would be all that is seen of the disk.
        .set("maxHashSlotNum", 50_000)
        .set("maxIndexNum", 200_000);
    let mut cluster = Cluster::start(target, setup)?;
    let before = figures::Moment::of(&cluster)?;
    let held = match much {
        Much::Timers => fill::timers(&cluster, count)?,
        Much::Topics => fill::queues(&cluster, count, 1)?,
        Much::Queues => fill::queues(&cluster, count, 10)?,
        Much::Polls => fill::polls(&cluster, count)?,
        Much::Groups => fill::groups(&cluster, count)?,
    };
    let filled = figures::Moment::of(&cluster)?;
    figures::settle(&cluster)?;
    let settled = figures::Moment::of(&cluster)?;
    let idle = figures::idle(&cluster)?;
    let rested = figures::Moment::of(&cluster)?;
    let lateness = match much {
        Much::Timers => Some(lateness::measure(&cluster)?),
        Much::Topics | Much::Queues | Much::Polls | Much::Groups => None,
    };
    drop(held);
    let start = figures::start_again(&mut cluster)?;
    Ok(Figures::new(count, [&before, &filled, &settled, &rested], idle, start, lateness))
}
