//! How often a broker asks the kernel for something.

use anyhow::Result;
use gantry_bench::{Load, create_topics};

use super::stage::Stage;
use crate::bench::kernel_calls::{Calls, Counter};
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
        let each = Counter::per_answer(stage.arena.pid()?, Calls::All, &load)?;
        stage.add(line, each);
    }
    Ok(())
}
