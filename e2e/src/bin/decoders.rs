//! Gives the same bytes to Gantry's decoders and to Apache's, and says where they differ.

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::Parser;
use gantry_e2e::decoders;
use gantry_e2e::toolchain::Java;

/// Compares Gantry's decoders with Apache's: frames with both kinds of header, records of the CommitLog, batches, properties.
#[derive(Parser)]
struct Args {
    /// Inputs: what peers send, the same with something changed, and noise.
    #[arg(long, default_value_t = 1_000_000)]
    inputs: u64,
    /// What they follow from: the same seed, the same inputs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let java = Java::ready()?.map_err(|missing| anyhow!("{missing}"))?;
    let outcome = decoders::compare(java, args.seed, args.inputs)?;
    print!("{}", outcome.report());
    Ok(if outcome.unknown_count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
