//! `org.apache.rocketmq.example.benchmark.Producer`, judged by what it says itself: of the responder nobody else knows.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::arena::Arena;
use crate::await_condition::await_condition;
use crate::speed::{cpu_time, producer};

const PATIENCE: Duration = Duration::from_secs(60);

/// What it did in a second.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Second {
    sends: u64,
    failed: u64,
}

/// What it came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) sends_per_second: f64,
    /// Since its start.
    pub(super) failed: u64,
    /// Of the broker alone, per million sends.
    pub(super) cpu_seconds_per_million: f64,
}

/// Has it send for so long.
pub(super) fn measure(
    arena: &Arena,
    topic: &str,
    threads: u32,
    bytes: u32,
    warm_up: Duration,
    measured: Duration,
) -> Result<Seen> {
    let output = arena.folder().join("producer.out");
    let process = producer::start(arena.folder(), &arena.name_server(), topic, threads, bytes, &output)?;
    // Java may take a while to start beside others.
    await_condition("the producer sends", PATIENCE, || {
        Ok(!process.is_alive() || !seconds(&fs::read_to_string(&output)?).is_empty())
    })?;
    thread::sleep(warm_up);
    let (before, cpu) = (seconds(&fs::read_to_string(&output)?).len(), cpu_time(arena.pid()?)?);
    thread::sleep(measured);
    let cpu = cpu_time(arena.pid()?)?.saturating_sub(cpu);
    ensure!(process.is_alive(), "the producer ended:\n{}", process.output_tail());
    let said = fs::read_to_string(&output)?;
    process.kill();
    let all = seconds(&said);
    let counted = all.get(before..).filter(|seconds| !seconds.is_empty());
    let counted = counted.with_context(|| format!("the producer said nothing of its speed:\n{said}"))?;
    let sends: u64 = counted.iter().map(|second| second.sends).sum();
    let sends_per_second = sends as f64 / counted.len() as f64;
    Ok(Seen {
        sends_per_second,
        failed: counted.last().map_or(0, |last| last.failed),
        cpu_seconds_per_million: cpu.as_secs_f64() / (sends_per_second * measured.as_secs_f64()) * 1e6,
    })
}

/// What it said of each second.
fn seconds(said: &str) -> Vec<Second> {
    let number = |line: &str, name: &str| -> Option<u64> {
        line.split(" | ").find_map(|part| part.trim().strip_prefix(name)?.trim().parse().ok())
    };
    said.lines()
        .filter_map(|line| {
            let sends = number(line, "Send TPS:")?;
            let failed =
                number(line, "Send Failed:").unwrap_or(0) + number(line, "Response Failed:").unwrap_or(0);
            Some(Second { sends, failed })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_lines_are_read() {
        let said = "something\nCurrent Time: 2026-01-01 00:00:00,000 | Send TPS: 12345 | Max RT(ms): 17 | Average RT(ms):   1.234 | Send Failed: 1 | Response Failed: 2\n";
        assert_eq!(seconds(said), [Second { sends: 12_345, failed: 3 }]);
        assert!(seconds("Send TPS: many").is_empty());
    }
}
