//! What a figure means nothing without.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

/// The machine and what runs on it, a line each.
pub(super) fn facts() -> Vec<String> {
    let cpu = line_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "an unknown CPU".into());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = line_of("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let dirty = |name: &str| fs::read_to_string(format!("/proc/sys/vm/{name}")).unwrap_or_default();
    let java = first_line(Command::new("java").arg("-version"));
    let commit = first_line(Command::new("git").args(["rev-parse", "--short", "HEAD"]));
    vec![
        format!("{cpu}, {cores} cores, {memory} of memory, Linux {}", kernel.trim()),
        format!(
            "vm.dirty_background_ratio {}, vm.dirty_ratio {}, on a file system of type {}",
            dirty("dirty_background_ratio").trim(),
            dirty("dirty_ratio").trim(),
            file_system().unwrap_or_else(|_| "unknown".into())
        ),
        format!("Gantry {} {commit}", env!("CARGO_PKG_VERSION")),
        format!("Apache RocketMQ 5.5.0 on {java}"),
    ]
}

/// Of the last minute, five minutes and quarter of an hour.
pub(super) fn load_average() -> Result<[f64; 3]> {
    let text = fs::read_to_string("/proc/loadavg")?;
    let mut numbers = text.split(' ').map(str::parse::<f64>);
    let mut next = || numbers.next().context("three load averages")?.context("a number");
    Ok([next()?, next()?, next()?])
}

/// CPU time since the start of the machine, in ticks: what others on the same host took of it, and all.
#[derive(Clone, Copy, Debug)]
pub(super) struct CpuTime {
    stolen: u64,
    all: u64,
}

impl CpuTime {
    /// The first line of `/proc/stat`.
    pub(super) fn now() -> Result<Self> {
        Self::parse(&fs::read_to_string("/proc/stat")?)
    }

    fn parse(stat: &str) -> Result<Self> {
        let line = stat.lines().next().context("a line")?.strip_prefix("cpu ").context("that of all CPUs")?;
        let ticks: Vec<u64> =
            line.split_whitespace().map(str::parse).collect::<Result<_, _>>().context("numbers")?;
        // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already.
        let own = ticks.get(..8).context("eight kinds of CPU time")?;
        Ok(Self { stolen: own[7], all: own.iter().sum() })
    }

    /// The share that others took since `earlier`, in percent.
    pub(super) fn stolen_since(self, earlier: Self) -> f64 {
        let all = self.all.saturating_sub(earlier.all).max(1);
        self.stolen.saturating_sub(earlier.stolen) as f64 / all as f64 * 100.0
    }
}

fn line_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// What a program says first, on either of its outputs.
fn first_line(command: &mut Command) -> String {
    let Ok(output) = command.output() else { return String::new() };
    let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_owned()
}

/// Of the folder that stores are in.
fn file_system() -> Result<String> {
    let folder = std::env::temp_dir().canonicalize()?;
    let mounts = fs::read_to_string("/proc/mounts")?;
    let mounted = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let (_, kind) = mounted
        .filter(|(place, _)| folder.starts_with(place))
        .max_by_key(|(place, _)| place.len())
        .context("everything is mounted somewhere")?;
    Ok(kind.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_took_is_a_share_of_what_passed_since() {
        let before = CpuTime::parse("cpu  100 0 50 800 0 0 0 50 7 0\ncpu0 1 2\n").unwrap();
        let after = CpuTime::parse("cpu  160 0 80 890 0 0 0 70 9 0\n").unwrap();
        assert_eq!(after.stolen_since(before), 10.0);
        assert_eq!(after.stolen_since(after), 0.0);
        assert!(CpuTime::parse("cpu0 1 2 3").is_err());
    }
}
