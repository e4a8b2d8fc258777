//! Kills brokers. `crash --help` tells how.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use gantry_e2e::checker;
use gantry_e2e::crash::{self, Way};
use gantry_e2e::history::{self, Flush};

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Kills.
    Run {
        way: WayArg,
        #[arg(long, default_value = "25")]
        cycles: u32,
        #[arg(long)]
        flush_async: bool,
        #[arg(long, default_value = "1")]
        seed: u64,
    },
    /// Judges a history.
    Check { history: PathBuf },
}

#[derive(Clone, Copy, ValueEnum)]
enum WayArg {
    Kill,
    PowerCut,
    Torn,
}

fn main() -> Result<ExitCode> {
    let verdict = match Args::parse().what {
        What::Run { way, cycles, flush_async, seed } => {
            let way = match way {
                WayArg::Kill => Way::Kill,
                WayArg::PowerCut => Way::PowerCut,
                WayArg::Torn => Way::TornWrites,
            };
            let flush = if flush_async { Flush::Async } else { Flush::Sync };
            crash::lives(way, flush, cycles, seed, || eprint!("."))?
        }
        What::Check { history } => checker::check(&history::read(&history)?),
    };
    println!("\n{verdict}");
    Ok(if verdict.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
