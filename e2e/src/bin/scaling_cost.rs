//! `scaling_cost`: what it costs the broker when a topic is scaled, beside what the same load costs when it is not; medians over
//! rounds.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Parser;
use gantry_e2e::Target;
use gantry_e2e::speed::{self, Costs, Load, Share, Stage};

/// Compares the broker's CPU time for sends to topics that are scaled and to one that is not, and for polls that it holds.
#[derive(Parser)]
struct Args {
    /// How often each topic has its turn.
    #[arg(long, default_value_t = 20)]
    rounds: u32,
    /// Seconds of a turn.
    #[arg(long, default_value_t = 2)]
    turn: u64,
    /// Threads that send, each with one message under way.
    #[arg(long, default_value_t = 8)]
    threads: u32,
    /// Bytes of a message body.
    #[arg(long, default_value_t = 128)]
    bytes: u32,
    /// Polls that are held while nothing is sent.
    #[arg(long, default_value_t = 1000)]
    polls: i32,
    /// Seconds that they are held.
    #[arg(long, default_value_t = 15)]
    idle: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Err(missing) = Target::Gantry.available()? {
        bail!("{missing}");
    }
    let mut costs = Costs::prepare()?;
    let idle = Duration::from_secs(args.idle);
    println!("{:<10} {:>22}", "idle", "CPU ms a second");
    let nothing = costs.idle(Stage::Plain, 0, idle)?;
    println!("{:<10} {:>22.2}", "no poll", nothing.as_secs_f64() * 1e3 / idle.as_secs_f64());
    for stage in [Stage::Plain, Stage::Draining] {
        let cpu = costs.idle(stage, args.polls, idle)?;
        println!("{:<10} {:>22.2}", format!("{stage:?}"), cpu.as_secs_f64() * 1e3 / idle.as_secs_f64());
    }

    let load = Load {
        threads: args.threads,
        bytes: args.bytes,
        warm_up: Duration::from_millis(300),
        measured: Duration::from_secs(args.turn),
    };
    let rounds = costs.sends(&load, args.rounds)?;
    println!("{:<10} {:>10} {:>14} {:>10}", "sends", "sends/s", "CPU s/million", "to plain");
    for (at, stage) in Stage::ALL.iter().enumerate() {
        let of_all = |figure: fn(&[Share; 4], usize) -> f64| {
            speed::median(rounds.iter().map(|shares| figure(shares, at)).collect()).unwrap_or(f64::NAN)
        };
        println!(
            "{:<10} {:>10.0} {:>14.2} {:>10.3}",
            format!("{stage:?}"),
            of_all(|shares, at| shares[at].sends as f64 / shares[at].seconds),
            of_all(|shares, at| shares[at].cpu_seconds_per_million()),
            // Within a round: what else the machine does changes from one to the next.
            of_all(|shares, at| {
                shares[at].cpu_seconds_per_million() / shares[0].cpu_seconds_per_million()
            }),
        );
    }
    Ok(())
}
