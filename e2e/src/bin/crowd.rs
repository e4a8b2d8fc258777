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
    /// Connections that send a byte of a frame now and then.
    #[arg(long, default_value_t = 2_000)]
    dripping: usize,
    /// Connections that send garbage now and then.
    #[arg(long, default_value_t = 500)]
    garbage: usize,
    /// How often these send: seconds in between. A machine that is so many times slower has the same load with so many.
    #[arg(long, default_value_t = 1)]
    every: u64,
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
    Member { kind: String, port: u16, count: usize, number: u8, every: u64 },
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let seconds = Duration::from_secs;
    if let Some(Part::Member { kind, port, count, number, every }) = args.part {
        be(&kind, port, count, number, seconds(every))?;
    }
    let Args { idle, dripping, garbage, .. } = args;
    let crowd = Crowd { idle, dripping, garbage, every: seconds(args.every) };
    let outcome = measure(crowd, Durations { measure: seconds(args.seconds), rest: seconds(args.rest) })?;
    println!("{outcome}");
    let verdict = if outcome.is_good() { "good" } else { "NOT GOOD" };
    println!(
        "{verdict}: p99 at most doubles, at most 300 MiB more, and what is left of it afterwards is what the next crowd gets"
    );
    Ok(if outcome.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
