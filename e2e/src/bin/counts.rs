//! `counts`: what a message costs in instructions and system calls, held against limits.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use gantry_e2e::counts::Count;

/// Counts what a message costs Gantry's broker, and fails when that is more than it may be.
///
/// For a release build: limits are those of one. Instructions need valgrind, system calls perf and root.
#[derive(Parser)]
struct Args {}

fn main() -> Result<ExitCode> {
    let Args {} = Args::parse();
    let mut is_exceeded = false;
    for count in Count::ALL {
        if let Err(missing) = count.available() {
            println!("SKIPPED {}: {missing}", count.what());
            continue;
        }
        let (seen, limit) = (count.measure()?, count.limit());
        let verdict = if seen <= limit { "ok" } else { "TOO MUCH" };
        is_exceeded |= seen > limit;
        println!("{:<52} {seen:>10.3}, at most {limit:>8}: {verdict}", count.what());
    }
    Ok(if is_exceeded { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
