//! How often a broker asks the kernel for something.

use anyhow::Result;
use gantry_bench::{Load, Moment, create_topics};

use super::stage::Stage;
use crate::bench::kernel_calls::Counter;
use crate::bench::lines;

const CONNECTIONS: usize = 64;

pub(super) fn measure(stage: &mut Stage<'_>) -> Result<()> {
    if let Err(missing) = Counter::available() {
        stage.note(format!("system calls SKIPPED: {missing}"));
        return Ok(());
    }
    for (line, depth) in [(&lines::CALLS_CLOSED, 1), (&lines::CALLS_DEEP, 32)] {
        let load = Load { connections: CONNECTIONS, depth, ..stage.load("syscalls") };
        create_topics(&load)?;
        let (pid, mut counter, mut count) = (stage.arena.pid()?, None, 0);
        let tally = gantry_bench::run(&load, |moment| {
            match (moment, counter.take()) {
                (Moment::Begin, _) => counter = Some(Counter::start(pid)?),
                (Moment::End, Some(running)) => count = running.stop()?,
                (Moment::End, None) => {}
            }
            Ok(())
        })?;
        stage.add(line, count as f64 / tally.answered.max(1) as f64);
    }
    Ok(())
}
