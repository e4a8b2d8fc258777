//! `recovery`: how soon a broker takes messages after a crash, by the size of its log, and how fast it makes anew what is derived
//! from it.

use anyhow::Result;
use clap::Parser;
use gantry_e2e::recovery::Recovery;

/// Fills logs, kills the broker amid small messages, and measures the time from its next start to its first SEND_OK; then deletes
/// ConsumeQueues and the index, and measures how fast they are built anew, beside how fast the disk gives the log.
///
/// A log of 10 GiB takes 13 GiB of the disk of TMPDIR, and a larger one not much more: the rest is holes.
#[derive(Parser)]
struct Args {
    /// Sizes of the log, in GiB.
    #[arg(default_values_t = [1, 10, 50])]
    gib: Vec<u64>,
    /// How often each is killed.
    #[arg(long, default_value_t = 10)]
    kills: u32,
}

fn main() -> Result<()> {
    let args = Args::parse();
    for gib in args.gib {
        eprintln!("filling {gib} GiB");
        let mut recovery = Recovery::prepare(gib)?;
        println!("{gib:>4} GiB  {}", recovery.kill(args.kills)?);
        println!("{gib:>4} GiB  {}", recovery.rebuild()?);
    }
    Ok(())
}
