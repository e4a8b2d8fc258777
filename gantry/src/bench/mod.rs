//! `gantry bench`: the load generator of [`gantry_bench`].

mod args;
mod report;

pub(crate) use args::Args;

use crate::output::note::{note, warning};
use anyhow::Context as _;
use args::What;
use gantry_bench::{create_topics, responder};
use std::io::Write as _;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::process::ExitCode;

/// Blocks its thread: the generator has threads and an epoll of its own.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let address = resolve(&args.broker)?;
    let Some(load) = args.load(address) else {
        let listener = responder::listen(address)?;
        note(format_args!("answering on {}", listener.local_addr()?));
        responder::serve(&listener, None)?;
        return Ok(ExitCode::SUCCESS);
    };
    if !args.keep_topics {
        create_topics(&load).with_context(|| format!("making the topic on {address}"))?;
    }
    if args.what != What::Respond && !args.json {
        note(format_args!("{:.0?} of warm-up, then {:.0?} that count", load.warm_up, load.measured));
    }
    let tally = gantry_bench::run(&load, |_| Ok(()))?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", report::json(&load, &tally))?;
    } else {
        writeln!(out, "{}", report::text(&load, &tally))?;
    }
    for trouble in tally.troubles() {
        warning(trouble);
    }
    Ok(if tally.failures() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn resolve(broker: &str) -> anyhow::Result<SocketAddr> {
    broker
        .to_socket_addrs()
        .with_context(|| format!("{broker:?} is no host:port that can be found, as in 127.0.0.1:10911"))?
        .next()
        .with_context(|| format!("{broker:?} has no address"))
}
