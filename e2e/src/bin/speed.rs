//! `speed`: Gantry and Apache's broker in turn under the same load, and the ratios of what it took.
//!
//! In turn, so that whatever else the machine does hits both. The figures are sends a second, CPU seconds of the broker
//! per million messages, and its anonymous memory.

use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use gantry_e2e::Target;
use gantry_e2e::speed::{self, Load, Run, run};

/// Compares Gantry with Apache's broker under Apache's benchmark producer.
#[derive(Parser)]
struct Args {
    /// How often each is measured.
    #[arg(long, default_value_t = 3)]
    pairs: u32,
    /// Threads of the producer, each with one message under way.
    #[arg(long, default_value_t = 64)]
    threads: u32,
    /// Bytes of a message body.
    #[arg(long, default_value_t = 128)]
    bytes: u32,
    /// Seconds the producer runs before it counts.
    #[arg(long, default_value_t = 15)]
    warm_up: u64,
    /// Seconds that count.
    #[arg(long, default_value_t = 30)]
    measured: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let load = Load {
        threads: args.threads,
        bytes: args.bytes,
        warm_up: Duration::from_secs(args.warm_up),
        measured: Duration::from_secs(args.measured),
    };
    let mut runs: Vec<(Target, Run)> = Vec::new();
    println!("{:<8} {:>12} {:>16} {:>14}", "broker", "sends/s", "CPU s/million", "RssAnon MiB");
    for _ in 0..args.pairs {
        for target in Target::ALL {
            if let Err(missing) = target.available()? {
                eprintln!("SKIPPED {target}, because {missing}");
                continue;
            }
            let run = run(target, &load)?;
            print_row(&target.to_string(), &run);
            runs.push((target, run));
        }
    }
    let medians: Vec<Option<Run>> = Target::ALL.iter().map(|target| median(&runs, *target)).collect();
    println!("medians");
    for (target, median) in Target::ALL.iter().zip(&medians) {
        if let Some(median) = median {
            print_row(&target.to_string(), median);
        }
    }
    if let [Some(gantry), Some(apache)] = medians[..] {
        println!(
            "gantry/apache {:>6.2} {:>16.3} {:>14.3}",
            gantry.sends_per_second / apache.sends_per_second,
            gantry.cpu_seconds_per_million / apache.cpu_seconds_per_million,
            gantry.anonymous_bytes as f64 / apache.anonymous_bytes as f64,
        );
    }
    Ok(())
}

fn print_row(name: &str, run: &Run) {
    let mebibytes = run.anonymous_bytes as f64 / 1_048_576.0;
    println!(
        "{name:<8} {:>12.0} {:>16.2} {:>14.1}",
        run.sends_per_second, run.cpu_seconds_per_million, mebibytes
    );
}

/// Each figure for itself.
fn median(runs: &[(Target, Run)], target: Target) -> Option<Run> {
    let own: Vec<&Run> = runs.iter().filter(|(of, _)| *of == target).map(|(_, run)| run).collect();
    Some(Run {
        sends_per_second: speed::median(own.iter().map(|run| run.sends_per_second).collect())?,
        cpu_seconds_per_million: speed::median(own.iter().map(|run| run.cpu_seconds_per_million).collect())?,
        anonymous_bytes: speed::median(own.iter().map(|run| run.anonymous_bytes as f64).collect())? as u64,
    })
}
