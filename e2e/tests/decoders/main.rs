//! Gantry's decoders and Apache's, asked about the same bytes. What they differ in is the table in `docs/compatibility.md`, and
//! nothing else. `cargo run --release -p gantry-e2e --bin decoders` asks about a million.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use gantry_e2e::decoders::{self, Class};
use gantry_e2e::toolchain::Java;
use gantry_e2e::{document, report};
use libtest_mimic::Trial;

/// Enough for each known difference to be seen.
const INPUTS: u64 = 40_000;
const SEED: u64 = 1;

fn main() -> ExitCode {
    report::run(1, trials())
}

fn trials() -> Result<Vec<Trial>> {
    let java = Java::ready()?;
    let available = java.as_ref().map(drop).map_err(Clone::clone);
    let compare = move || java.map_or_else(|missing| Err(anyhow::anyhow!("{missing}")), compare);
    Ok(vec![
        report::trial("as-apaches".into(), available, compare),
        report::trial("table".into(), Ok(()), || {
            document::has_part("compatibility.md", "e2e/tests/decoders", &table())
        }),
    ])
}

fn compare(java: Java) -> Result<()> {
    let outcome = decoders::compare(java, SEED, INPUTS)?;
    println!("{}", outcome.report());
    ensure!(outcome.unknown_count == 0, "differences without a reason:\n{}", outcome.report());
    for class in Class::ALL {
        ensure!(outcome.known.contains_key(&class), "{}: does not happen any more", class.text());
    }
    Ok(())
}

fn table() -> String {
    let mut text = String::from("\n| Bytes | Apache 5.5.0 | Gantry | Why |\n|---|---|---|---|\n");
    for class in Class::ALL {
        let _ = writeln!(text, "| {} |", class.row().join(" | "));
    }
    text + "\n"
}
