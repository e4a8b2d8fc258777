//! What a process used so far, as the kernel counts it.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;

/// CPU time of all its threads.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name of the program, in parentheses, may contain blanks.
    let fields: Vec<&str> = stat.rsplit_once(") ").context("stat has a name")?.1.split(' ').collect();
    let ticks = fields[USER_TIME].parse::<u64>()? + fields[SYSTEM_TIME].parse::<u64>()?;
    // SAFETY: sysconf only reads a constant of the system.
    let ticks_per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    Ok(Duration::from_secs_f64(ticks as f64 / ticks_per_second as f64))
}

/// How busy a process is from a moment on.
pub(crate) struct Busy {
    pid: u32,
    since: Instant,
    used: Duration,
}

impl Busy {
    pub(crate) fn since_now(pid: u32) -> Result<Self> {
        Ok(Self { pid, since: Instant::now(), used: cpu_time(pid)? })
    }

    /// Processors that it kept busy, until now.
    pub(crate) fn processors(&self) -> Result<f64> {
        let used = cpu_time(self.pid)?.saturating_sub(self.used);
        Ok(used.as_secs_f64() / self.since.elapsed().as_secs_f64())
    }
}

/// Bytes of memory that belong to it alone: not the files it maps.
pub(crate) fn anonymous_memory(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("status has RssAnon")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1024)
}

/// Bytes that it made the disk read, by system calls and by what it touched of files that it maps.
pub(crate) fn bytes_from_disk(pid: u32) -> Result<u64> {
    let io = fs::read_to_string(format!("/proc/{pid}/io"))?;
    let line = io.lines().find_map(|line| line.strip_prefix("read_bytes: ")).context("io has read_bytes")?;
    Ok(line.parse()?)
}
