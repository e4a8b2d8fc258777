//! What a message costs Gantry's broker in instructions and in system calls: `instructions::send`. More than it may be fails.
//!
//! Instructions need valgrind, system calls perf and root. In a build with `--release` the limits are those of what is shipped.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use gantry_e2e::counts::Count;
use gantry_e2e::report;

fn main() -> ExitCode {
    let trial = |count: Count| report::trial(count.name.into(), count.available(), move || hold(count));
    report::run(1, Ok(Count::ALL.into_iter().map(trial).collect()))
}

fn hold(count: Count) -> Result<()> {
    let (seen, limit) = (count.measure()?, count.limit());
    println!("{}: {seen:.3}, at most {limit}", count.what);
    ensure!(seen <= limit, "{}: {seen:.3}, and may be {limit} at most", count.what);
    Ok(())
}
