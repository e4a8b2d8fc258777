//! `gantry send`.

mod args;
mod bodies;
mod fleet;
mod report;
mod tally;

pub(crate) use args::Args;

use crate::cli::signal::StopSignal;
use crate::output::note::{note, warning};
use crate::output::progress::Progress;
use crate::producer::{Message, Producer, SendError};
use anyhow::Context as _;
use bodies::Bodies;
use fleet::Fleet;
use report::Report;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;
use tally::Tally;

/// Messages that fail one after the other before a long run is given up.
const HOPELESS: u64 = 100;

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.lines || args.count.is_some() { many(args).await } else { one(args).await }
}

async fn one(args: Args) -> anyhow::Result<ExitCode> {
    let message = Message { body: bodies::single(args.body.clone())?, ..args.template() };
    let producer = Producer::new(args.name_servers.connect(args.timeout), args.timeout);
    let receipt = producer.send(&message, &args.target()).await?;
    let report = Report { json: args.json, delay_level: args.delay_level() };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", report.receipt(&receipt))?;
    if let Some(text) = receipt.status.warning() {
        warning(format_args!("{}: {text}", receipt.status));
    }
    if receipt.attempts > 1 {
        note(format_args!("taken at attempt {}", receipt.attempts));
    }
    Ok(ExitCode::SUCCESS)
}

async fn many(args: Args) -> anyhow::Result<ExitCode> {
    let bodies = match args.count {
        Some(count) => Bodies::repeated(count, args.body.clone().map(Into::into), args.size()),
        None => Bodies::lines(),
    };
    let producers: Vec<Producer> = (0..args.connections)
        .map(|_| Producer::new(args.name_servers.connect(args.timeout), args.timeout))
        .collect();
    // One failure that all would share is told once, before anything is sent.
    let first = producers.first().context("at least one connection is needed")?;
    first.prepare(&args.topic).await.map_err(|last| SendError::Failed { attempts: 1, last })?;
    let template = args.template();
    Message { body: "x".into(), ..template.clone() }.pack()?;

    let mut stop = StopSignal::listen()?;
    let fleet = Fleet {
        template,
        target: args.target(),
        in_flight: args.in_flight(),
        // A gap in somebody's lines is worse than a stop; in a test run, failures are part of the result.
        give_up_after: if args.lines { 1 } else { HOPELESS },
    };
    let report = Report { json: args.json, delay_level: args.delay_level() };
    let each = args.lines.then_some(report);
    let mut running = fleet.start(producers, bodies, each);
    let mut progress = if args.lines { Progress::Off } else { Progress::new("sent", args.count) };
    loop {
        tokio::select! {
            () = running.finished() => break,
            () = stop.received() => {
                progress.aside(|| note("stopping: waiting for the messages on their way"));
                running.stop();
            }
            () = tokio::time::sleep(Duration::from_millis(100)) => {
                let (done, trouble) = running.tally(|tally| (tally.done(), tally.trouble()));
                progress.update(done, &trouble);
            }
        }
    }
    progress.finish();
    let tally = running.into_tally();
    summarize(&args, &tally)
}

fn summarize(args: &Args, tally: &Tally) -> anyhow::Result<ExitCode> {
    let complete = tally.is_clean() && args.count.is_none_or(|count| tally.done() == count);
    if args.lines {
        // Each line had its own report.
        note(tally.summary(args.count));
    } else {
        let mut out = std::io::stdout().lock();
        if args.json {
            writeln!(out, "{}", tally.json())?;
        } else {
            writeln!(out, "{}", tally.summary(args.count))?;
        }
    }
    for line in tally.details(args.lines) {
        warning(line);
    }
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
