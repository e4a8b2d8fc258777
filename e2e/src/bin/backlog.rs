//! `backlog`: live sends while a group that is far behind reads from the disk, Gantry beside Apache's.

use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use gantry_e2e::Target;
use gantry_e2e::speed::{Backlog, Beside, median};

/// Compares how long live sends take by themselves and while a backlog is read that is not in memory.
#[derive(Parser)]
struct Args {
    /// The backlog, in MiB of bodies.
    #[arg(long, default_value_t = 1024)]
    mib: usize,
    /// How often it is read, each time from a broker that was started again.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

fn main() -> Result<()> {
    let args = Args::parse();
    println!(
        "{:<8} {:>22} {:>22} {:>22} {:>11} {:>14}",
        "ms",
        "alone p50 / p99 / max",
        "beside a cold read",
        "beside a warm read",
        "cold MiB/s",
        "MiB from disk"
    );
    for target in Target::ALL {
        if let Err(missing) = target.available()? {
            println!("SKIPPED {target}: {missing}");
            continue;
        }
        let mut backlog = Backlog::prepare(target, args.mib * 1024)?;
        let mut rounds = Vec::new();
        for _ in 0..args.rounds {
            let round = backlog.read_cold()?;
            println!("{:<8} {}", target.to_string(), row(&[round]));
            rounds.push(round);
        }
        println!("{:<8} {}  median", target.to_string(), row(&rounds));
    }
    Ok(())
}

fn row(rounds: &[Beside]) -> String {
    let of_all = |figure: fn(&Beside) -> f64| median(rounds.iter().map(figure).collect()).unwrap_or(f64::NAN);
    let ms = |figure: fn(&Beside) -> Duration| {
        median(rounds.iter().map(|round| figure(round).as_secs_f64() * 1e3).collect()).unwrap_or(f64::NAN)
    };
    let three = |p50: f64, p99: f64, max: f64| format!("{p50:.2} / {p99:.2} / {max:.2}");
    format!(
        "{:>22} {:>22} {:>22} {:>11.0} {:>14.0}",
        three(ms(|r| r.alone.p50), ms(|r| r.alone.p99), ms(|r| r.alone.max)),
        three(ms(|r| r.cold.p50), ms(|r| r.cold.p99), ms(|r| r.cold.max)),
        three(ms(|r| r.warm.p50), ms(|r| r.warm.p99), ms(|r| r.warm.max)),
        of_all(|r| r.read as f64 / f64::from(1 << 20) / r.took.as_secs_f64()),
        of_all(|r| r.from_disk as f64 / f64::from(1 << 20)),
    )
}
