//! What is measured, and how it is told.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::lateness::Lateness;
use crate::Cluster;
use crate::speed::{anonymous_memory, cpu_time};

/// How long an idle broker is looked at.
const IDLE: Duration = Duration::from_secs(30);
/// What a broker that has filled files in the background may take until it rests.
const SETTLED: Duration = Duration::from_secs(120);

/// A broker at one moment.
pub(super) struct Moment {
    at: Instant,
    memory: u64,
    cpu: Duration,
    /// Bytes of the disk that its store takes.
    disk: u64,
    /// Of files and memory, in its address space.
    maps: usize,
}

impl Moment {
    pub(super) fn of(cluster: &Cluster) -> Result<Self> {
        let pid = cluster.broker_pid().context("the broker runs")?;
        Ok(Self {
            at: Instant::now(),
            memory: anonymous_memory(pid)?,
            cpu: cpu_time(pid)?,
            disk: disk_of(&cluster.store())?,
            maps: fs::read_to_string(format!("/proc/{pid}/maps"))?.lines().count(),
        })
    }
}

/// What it took.
pub struct Figures {
    count: usize,
    /// Bytes of memory of its own, empty and full.
    memory: (u64, u64),
    /// Bytes of the disk, likewise.
    disk: (u64, u64),
    /// Mappings of the full one.
    maps: usize,
    /// Of filling it, and the CPU time until it rests.
    took: Duration,
    cpu: Duration,
    /// Share of a core while nothing happens.
    idle: f64,
    /// From the start of the program until it serves.
    start: Duration,
    /// Of messages that come due, where there are such.
    lateness: Option<Lateness>,
}

impl Figures {
    pub const HEAD: &'static str =
        "  MiB empty    MiB full  bytes each   fill s  fill CPU s  idle %   start s";

    pub(super) fn new(
        count: usize,
        [before, filled, settled, rested]: [&Moment; 4],
        idle: f64,
        start: Duration,
        lateness: Option<Lateness>,
    ) -> Self {
        Self {
            count,
            // What is free goes back to the system now and then.
            memory: (before.memory, rested.memory),
            disk: (before.disk, settled.disk),
            maps: settled.maps,
            took: filled.at - before.at,
            cpu: settled.cpu.saturating_sub(before.cpu),
            idle,
            start,
            lateness,
        }
    }
}

impl Figures {
    /// Bytes of memory for each.
    #[must_use]
    pub fn bytes_each(&self) -> f64 {
        self.each(self.memory)
    }

    /// Bytes of the disk for each.
    #[must_use]
    pub fn disk_each(&self) -> f64 {
        self.each(self.disk)
    }

    /// Mappings of the full one.
    #[must_use]
    pub fn maps(&self) -> usize {
        self.maps
    }

    /// Share of a core while nothing happens.
    #[must_use]
    pub fn idle_share(&self) -> f64 {
        self.idle
    }

    fn each(&self, (empty, full): (u64, u64)) -> f64 {
        full.saturating_sub(empty) as f64 / self.count.max(1) as f64
    }
}

/// Bytes that a folder takes, not counting holes.
fn disk_of(folder: &Path) -> Result<u64> {
    /// What `st_blocks` counts in.
    const BLOCK: u64 = 512;
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // A file may go meanwhile.
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += if metadata.is_dir() { disk_of(&entry.path())? } else { metadata.blocks() * BLOCK };
    }
    Ok(bytes)
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let ((empty, full), each) = (self.memory, self.bytes_each());
        write!(
            f,
            "{:>11.1} {:>11.1} {each:>11.0} {:>8.1} {:>11.1} {:>7.2} {:>9.2}",
            mib(empty),
            mib(full),
            self.took.as_secs_f64(),
            self.cpu.as_secs_f64(),
            self.idle * 100.0,
            self.start.as_secs_f64(),
        )?;
        self.lateness.as_ref().map_or(Ok(()), |lateness| write!(f, "\n  {lateness}"))
    }
}

/// Waits until what the filling has left to do is over, for three seconds.
pub(super) fn settle(cluster: &Cluster) -> Result<()> {
    let start = Instant::now();
    let mut quiet = 0;
    while quiet < 3 && start.elapsed() < SETTLED {
        quiet = if share(cluster, Duration::from_secs(1))? < 0.05 { quiet + 1 } else { 0 };
    }
    Ok(())
}

/// The share of a core that it takes while nobody asks anything.
pub(super) fn idle(cluster: &Cluster) -> Result<f64> {
    share(cluster, IDLE)
}

fn share(cluster: &Cluster, time: Duration) -> Result<f64> {
    let before = Moment::of(cluster)?;
    std::thread::sleep(time);
    let after = Moment::of(cluster)?;
    Ok((after.cpu - before.cpu).as_secs_f64() / (after.at - before.at).as_secs_f64())
}

/// Stops it as an operator does, and starts it again.
pub(super) fn start_again(cluster: &mut Cluster) -> Result<Duration> {
    cluster.stop_broker()?;
    let start = Instant::now();
    cluster.start_broker()?;
    Ok(start.elapsed())
}
