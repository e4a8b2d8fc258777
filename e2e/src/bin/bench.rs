//! `bench`: Gantry, Apache's broker and the bound in turn, and which of our goals hold.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};
use gantry_bench::responder::{self, Disk};
use gantry_e2e::bench::{Experiment, Options, draw, run};

/// Measures Gantry beside Apache's broker 5.5.0 and what answers without doing anything, round by round on the same machine, and writes a
/// table, plots and the raw figures.
///
/// A build that loses what it acknowledged is not measured: it is killed under load first, and loses its power where a disk can be mounted.
#[derive(Parser)]
#[command(after_help = "Examples:
  bench                                  everything, three rounds: two hours
  bench --quick --rounds 1               everything, short and small: does it work here?
  bench --rows cost,sends --rounds 7     two rows, well measured
  bench --out results/today              where report.md, *.svg and figures.json go
  bench draw figures.json --out plots    the table and the plots of what was measured before")]
struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// What to measure; all, if nothing is named.
    #[arg(long, value_enum, value_delimiter = ',')]
    rows: Vec<Experiment>,
    /// How often every broker has its turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds that count of each figure.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "quick")]
    seconds: u64,
    /// Short and small: to see that it works, not to be quoted.
    #[arg(long)]
    quick: bool,
    /// Where results go.
    #[arg(long, default_value = "target/bench", global = true)]
    out: PathBuf,
}

#[derive(Subcommand)]
enum What {
    /// Print the table of figures that were measured before, and draw them: an overview, and a plot for each line.
    Draw {
        /// The `figures.json` of a bench.
        figures: PathBuf,
    },
    /// Be the bound: answer sends without doing anything.
    #[command(hide = true)]
    Respond {
        address: SocketAddr,
        /// Have it on the disk there first.
        #[arg(long)]
        sync: Option<PathBuf>,
    },
}

fn main() -> Result<()> {
    let args = Args::parse();
    match args.what {
        Some(What::Respond { address, sync }) => {
            let disk = sync.as_deref().map(Disk::prepare).transpose()?;
            return responder::serve(&responder::listen(address)?, disk);
        }
        Some(What::Draw { figures }) => {
            println!("{}", draw(&figures, &args.out)?);
            return Ok(());
        }
        None => {}
    }
    let rows = if args.rows.is_empty() { Experiment::ALL.to_vec() } else { args.rows };
    let measured = Duration::from_secs(args.seconds);
    let table = run(&Options { rows, rounds: args.rounds, measured, quick: args.quick, out: args.out })?;
    println!("{table}");
    Ok(())
}
