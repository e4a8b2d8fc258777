//! `crowd`: what honest sends notice of thousands of connections that say nothing, drip, or send garbage.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};
use gantry_e2e::crowd::{Crowd, Durations, be, measure};

/// Measures honest sends alone and beside a crowd of connections that mean harm, and the broker's memory before, beside and
/// after it.
#[derive(Parser)]
struct Args {
    /// Connections that send nothing.
    #[arg(long, default_value_t = 20_000)]
    idle: usize,
    /// Connections that send a byte of a frame a second.
    #[arg(long, default_value_t = 2_000)]
    dripping: usize,
    /// Connections that send garbage, each once a second.
    #[arg(long, default_value_t = 500)]
    garbage: usize,
    /// Seconds of measuring, alone and beside the crowd.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Seconds after the crowd has gone.
    #[arg(long, default_value_t = 60)]
    rest: u64,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// One process of the crowd: the program starts them itself.
    #[command(hide = true)]
    Member { kind: String, port: u16, count: usize, number: u8 },
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    if let Some(Part::Member { kind, port, count, number }) = args.part {
        be(&kind, port, count, number)?;
    }
    let crowd = Crowd { idle: args.idle, dripping: args.dripping, garbage: args.garbage };
    let seconds = Duration::from_secs;
    let outcome = measure(crowd, Durations { measure: seconds(args.seconds), rest: seconds(args.rest) })?;
    println!("{outcome}");
    let verdict = if outcome.is_good() { "good" } else { "NOT GOOD" };
    println!(
        "{verdict}: p99 at most doubles, at most 300 MiB more, and what is left of it afterwards is what the next crowd gets"
    );
    Ok(if outcome.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
