//! `scale`: what a broker holds when much of something is in it: memory, CPU time and the time of a start, Gantry beside Apache's.

use anyhow::Result;
use clap::{Parser, ValueEnum};
use gantry_e2e::Target;
use gantry_e2e::scale::{Figures, Much, measure, raise_limits};

/// Fills a broker with much of something, and measures what that takes.
#[derive(Parser)]
struct Args {
    /// Of what; all, if none is named.
    what: Vec<Much>,
    /// The sizes: 1 for the full ones, 0.01 to try it.
    #[arg(long, default_value_t = 1.0)]
    share: f64,
    /// On whom.
    #[arg(long, value_enum)]
    only: Option<Only>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Only {
    Gantry,
    Apache,
}

fn main() -> Result<()> {
    let args = Args::parse();
    raise_limits()?;
    let targets: &[Target] = match args.only {
        None => &Target::ALL,
        Some(Only::Gantry) => &[Target::Gantry],
        Some(Only::Apache) => &[Target::Apache],
    };
    let what = if args.what.is_empty() { Much::ALL.to_vec() } else { args.what };
    println!("{:<22} {:>9} {:<8} {}", "", "count", "", Figures::HEAD);
    for much in what {
        // Half of it, too: what grows with it, and how.
        for share in [args.share / 2.0, args.share] {
            for target in targets {
                if let Err(missing) = target.available()? {
                    println!("SKIPPED {target}: {missing}");
                    continue;
                }
                let count = much.count(share);
                match measure(*target, much, count) {
                    Ok(figures) => {
                        println!("{:<22} {count:>9} {:<8} {figures}", much.name(), target.to_string())
                    }
                    Err(error) => {
                        println!("{:<22} {count:>9} {:<8} failed: {error:#}", much.name(), target.to_string())
                    }
                }
            }
        }
    }
    Ok(())
}
