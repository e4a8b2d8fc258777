//! An honest producer beside a crowd that means harm: thousands of connections that say nothing, that drip, that send garbage.

mod honest;
mod member;

use std::fmt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::cluster::{Cluster, Setup};
use crate::process::spawn;
use crate::scale::raise_limits;
use crate::speed::{Busy, anonymous_memory};
use crate::target::Target;
use honest::{Producers, Times};
pub use member::{Kind, be};

/// How many of each.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    pub idle: usize,
    pub dripping: usize,
    pub garbage: usize,
    /// Between two bytes that drip, and between two connections of garbage. Whole seconds.
    pub every: Duration,
}

/// How long each part of it takes.
#[derive(Clone, Copy, Debug)]
pub struct Durations {
    pub measure: Duration,
    pub rest: Duration,
}

/// Connections of one process of the crowd.
const EACH: usize = 4_000;
/// How long a crowd may take to be there.
const PATIENCE: Duration = Duration::from_secs(100);

/// What was measured.
#[derive(Debug)]
pub struct Outcome {
    /// Connections that the broker may have, by its limit of open files.
    pub room: usize,
    /// Connections that it had when all were there.
    pub reached: usize,
    pub alone: Times,
    pub beside: Times,
    /// Bytes that belong to the broker alone: before, with the crowd, after it had gone and a rest, and with the same crowd once
    /// more.
    pub memory: [u64; 4],
    /// Shares of a processor, alone and beside the crowd.
    pub processor: [f64; 2],
}

/// Starts a broker, and measures honest sends without and beside the crowd.
pub fn measure(crowd: Crowd, durations: Durations) -> Result<Outcome> {
    raise_limits()?;
    let cluster = Cluster::start(Target::Gantry, Setup::default().full_speed())?;
    let pid = cluster.broker_pid().context("the broker runs")?;
    let port = cluster.broker_port();
    // What grows with the first messages is no part of it.
    let mut producers = Producers::open(port)?;
    producers.send(durations.measure / 4)?;
    let before = anonymous_memory(pid)?;
    let mut send = || -> Result<(Times, f64)> {
        let busy = Busy::since_now(pid)?;
        let times = producers.send(durations.measure)?;
        Ok((times, busy.processors()?))
    };
    let (alone, busy_alone) = send()?;

    let members = Members::of(crowd, port)?;
    let reached = await_crowd(pid, crowd)?;
    let during = anonymous_memory(pid)?;
    let (beside, busy_beside) = send()?;
    let during = during.max(anonymous_memory(pid)?);
    drop(members);
    thread::sleep(durations.rest);
    let after = anonymous_memory(pid)?;
    let members = Members::of(crowd, port)?;
    await_crowd(pid, crowd)?;
    let again = anonymous_memory(pid)?;
    drop(members);
    ensure!(cluster.is_alive(), "the broker ended: {}", cluster.log_tail());
    Ok(Outcome {
        room: room(pid)?,
        reached,
        alone,
        beside,
        memory: [before, during, after, again],
        processor: [busy_alone, busy_beside],
    })
}

impl Outcome {
    /// What a crowd may do to others.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let [before, during, after, again] = self.memory.map(mib);
        self.beside.p99 <= 2 * self.alone.p99.max(Duration::from_micros(500))
            && during - before <= 300.0
            // The C library keeps what was freed for the next who asks, so what counts is that the next crowd gets it: what it needs
            // beyond the first was not freed.
            && (after - before <= 32.0 || again - during <= 8.0)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let [before, during, after, again] = self.memory.map(mib);
        let kib = (during - before) * 1024.0 / self.reached.max(1) as f64;
        writeln!(f, "connections       {} at once, of {} that the broker may have", self.reached, self.room)?;
        writeln!(f, "sends alone       {}", self.alone)?;
        writeln!(f, "sends beside it   {}", self.beside)?;
        writeln!(
            f,
            "memory            {before:.1} MiB before, {during:.1} beside it ({kib:.2} KiB a connection), {after:.1} after it had gone, \
             {again:.1} beside the same once more"
        )?;
        write!(f, "processor         {:.2} alone, {:.2} beside it", self.processor[0], self.processor[1])
    }
}

/// Processes that are the crowd; gone when dropped.
#[derive(Default)]
struct Members(Vec<Child>);

impl Members {
    fn of(crowd: Crowd, port: u16) -> Result<Self> {
        let mut members = Self::default();
        let Crowd { idle, dripping, garbage, every } = crowd;
        for (kind, count) in [(Kind::Idle, idle), (Kind::Dripping, dripping), (Kind::Garbage, garbage)] {
            members.join(kind, count, port, every)?;
        }
        Ok(members)
    }

    fn join(&mut self, kind: Kind, count: usize, port: u16, every: Duration) -> Result<()> {
        for from in (0..count).step_by(EACH) {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg("member").arg(kind.name());
            command.args([port.to_string(), (count - from).min(EACH).to_string(), self.0.len().to_string()]);
            command.arg(every.as_secs().to_string());
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
            self.0.push(spawn(command).context("starting a part of the crowd")?);
        }
        Ok(())
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        for member in &mut self.0 {
            // Both fail only when it is gone already.
            let _ = member.kill();
            let _ = member.wait();
        }
    }
}

/// Waits until they are all there, or as many as there may be; gives their number.
fn await_crowd(pid: u32, crowd: Crowd) -> Result<usize> {
    // Those that send garbage come and go.
    let wanted = crowd.idle + crowd.dripping;
    let start = Instant::now();
    let (mut most, mut since) = (0, Instant::now());
    while start.elapsed() < PATIENCE {
        let now = sockets(pid)?;
        if now > most {
            (most, since) = (now, Instant::now());
        }
        if now >= wanted || since.elapsed() > Duration::from_secs(3) {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(most)
}

fn sockets(pid: u32) -> Result<usize> {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd"))?.flatten();
    let is_socket = |path: &std::path::Path| path.to_string_lossy().starts_with("socket:");
    Ok(files.filter(|file| std::fs::read_link(file.path()).is_ok_and(|to| is_socket(&to))).count())
}

/// As the broker reckons: an eighth of its files is for others.
fn room(pid: u32) -> Result<usize> {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits"))?;
    let line = limits.lines().find(|line| line.starts_with("Max open files")).context("a limit of files")?;
    let files: usize = line.split_whitespace().nth(3).context("a number")?.parse()?;
    Ok(files - (files / 8).clamp(768, 8_192).min(files / 2))
}
