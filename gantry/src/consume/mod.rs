//! `gantry consume`.

mod args;
mod format;
mod printer;

pub(crate) use args::Args;

use crate::cli::signal::StopSignal;
use crate::client::Error;
use crate::consumer::{Config, Consumer, Event, Note, Start};
use crate::output::note::{note, warning};
use crate::output::numbers::{counted, rate, span};
use crate::output::progress::Progress;
use format::Format;
use printer::{Printed, Printer};
use std::io::{IsTerminal as _, stderr, stdout};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often a topic that does not exist is looked for.
const LOOK: Duration = Duration::from_secs(1);

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut stop = StopSignal::listen()?;
    let Some(mut consumer) = join(&args, &mut stop).await? else { return Ok(ExitCode::SUCCESS) };
    let mut printer = Printer::new(format(&args), args.keys.clone(), args.count);
    let progress = if args.quiet || stdout().is_terminal() || !stderr().is_terminal() {
        Progress::Off
    } else {
        Progress::new("received", args.count)
    };
    let started = Instant::now();
    let ended = consume(&args, &mut consumer, &mut printer, progress, &mut stop).await;
    let left = tokio::select! {
        left = consumer.leave() => left,
        // Asked twice: at once, then.
        () = stop.received() => return Ok(ExitCode::FAILURE),
    };
    let ended = ended?;
    for (queue, error) in &left.uncommitted {
        warning(format_args!(
            "the offset of {queue} is not committed ({error}): its last messages will come again"
        ));
    }
    if !args.quiet && ended != Ended::OutputClosed {
        let elapsed = started.elapsed();
        let count = printer.printed();
        let skipped = match printer.skipped() {
            0 => String::new(),
            skipped => format!("; {} had another key", counted(skipped, "message")),
        };
        let rate = if count > 1 { format!(", {}/s", rate(count, elapsed)) } else { String::new() };
        note(format_args!("{} in {}{rate}{skipped}", counted(count, "message"), span(elapsed)));
    }
    Ok(if left.uncommitted.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Why consuming ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Asked,
    CountReached,
    AtEnd,
    OutputClosed,
}

async fn join(args: &Args, stop: &mut StopSignal) -> anyhow::Result<Option<Consumer>> {
    let mut config = args.config();
    let mut told = false;
    loop {
        let name_servers = args.name_servers.connect(config.timeout);
        let joined = tokio::select! {
            joined = Consumer::join(config.clone(), name_servers) => joined,
            () = stop.received() => return Ok(None),
        };
        match joined {
            Err(error @ (Error::UnknownTopic { .. } | Error::NoBroker { .. })) if args.wait => {
                if !told && !args.quiet {
                    note(format_args!("{error}; waiting for it"));
                }
                told = true;
                // Whatever the topic will have has come after we asked.
                if config.start == Start::End {
                    config.start = Start::Beginning;
                }
                tokio::select! {
                    () = tokio::time::sleep(LOOK) => {}
                    () = stop.received() => return Ok(None),
                }
            }
            joined => {
                let consumer = joined?;
                if !args.quiet {
                    introduce(&config);
                }
                return Ok(Some(consumer));
            }
        }
    }
}

fn introduce(config: &Config) {
    if config.anonymous {
        note("only looking: in no group, no offsets are kept (--group NAME joins one)");
    } else {
        note(format_args!("member of group {}", config.group));
    }
}

fn format(args: &Args) -> Format {
    if args.json {
        Format::Json
    } else if args.body_only {
        Format::BodyOnly
    } else {
        Format::Human
    }
}

async fn consume(
    args: &Args,
    consumer: &mut Consumer,
    printer: &mut Printer,
    mut progress: Progress,
    stop: &mut StopSignal,
) -> anyhow::Result<Ended> {
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    let ended = loop {
        tokio::select! {
            biased;
            () = stop.received() => break Ended::Asked,
            event = consumer.next() => match event {
                Event::Batch(batch) => match printer.print(batch)? {
                    Printed::All => {}
                    Printed::Enough => break Ended::CountReached,
                    Printed::OutputClosed => break Ended::OutputClosed,
                },
                Event::Note(happened) => {
                    let start = consumer.config().start;
                    if let Some(text) = told(args, start, &happened).filter(|_| !args.quiet) {
                        progress.aside(|| note(text));
                    }
                }
                Event::AtEnd => break Ended::AtEnd,
            },
            _ = tick.tick() => progress.update(printer.printed(), ""),
        }
    };
    progress.finish();
    Ok(ended)
}

/// A note in the words of the command line.
fn told(args: &Args, start: Start, note: &Note) -> Option<String> {
    match (note, start) {
        (Note::Started { committed: true }, _) if args.chose_start() => Some(
            "continuing at the group's offsets (--from-... is for queues that the group was never in)".into(),
        ),
        (Note::Started { committed: false }, Start::End) => {
            Some("printing what comes from now on (--from-beginning: what is there, too)".into())
        }
        (Note::Started { committed: false }, _) => None,
        _ => Some(note.to_string()),
    }
}
