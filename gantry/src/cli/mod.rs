//! The command line: what can be asked, and how a failure is told.

pub(crate) mod duration;
mod hint;
pub(crate) mod logging;
pub(crate) mod name;
pub(crate) mod name_servers;
pub(crate) mod signal;

use crate::{bench, consume, local, output, send, verify_order};
use clap::{Parser, Subcommand};
use std::io::Write as _;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  gantry local                                 run a name server and a broker here, in ./.gantry
  gantry send orders 'hello'                   send one message
  gantry consume orders --from-beginning       print what is there and what comes
  gantry send load --count 100000 --size 1024  send many, with a progress bar
  gantry verify-order orders                   check that each key keeps its order
  gantry bench send --connections 64           measure a broker

`gantry COMMAND --help` says more about each.";

/// RocketMQ-compatible messaging: run it, send to it, read from it.
#[derive(Debug, Parser)]
#[command(name = "gantry", version, after_help = EXAMPLES, propagate_version = true, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Local(local::Args),
    Send(Box<send::Args>),
    Consume(Box<consume::Args>),
    VerifyOrder(Box<verify_order::Args>),
    Bench(Box<bench::Args>),
}

/// Runs the program; the exit code is 0 when it did what was asked, 1 when not, 2 when it was asked wrongly.
#[must_use]
pub fn main() -> ExitCode {
    output::clock::init();
    let cli = Cli::parse();
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            runtime.block_on(async {
                match cli.command {
                    Command::Local(args) => Box::pin(local::run(args)).await,
                    Command::Send(args) => {
                        logging::to_stderr();
                        Box::pin(send::run(*args)).await
                    }
                    Command::Consume(args) => {
                        logging::to_stderr();
                        Box::pin(consume::run(*args)).await
                    }
                    Command::VerifyOrder(args) => {
                        logging::to_stderr();
                        Box::pin(verify_order::run(*args)).await
                    }
                    Command::Bench(args) => tokio::task::block_in_place(|| bench::run(&args)),
                }
            })
        });
    result.unwrap_or_else(|error| {
        // Who closed our output wants no more of it.
        if is_broken_pipe(&error) {
            return ExitCode::SUCCESS;
        }
        let mut stderr = std::io::stderr().lock();
        let _ = writeln!(stderr, "error: {}", told(&error));
        if let Some(hint) = hint::hint(&error) {
            let _ = writeln!(stderr, "\n{hint}");
        }
        ExitCode::FAILURE
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// The chain of causes in one line; a cause that its effect quotes already is not said twice.
fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_teaches_by_examples() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let example = format!("gantry {} ", command.get_name());
            assert!(help.starts_with("Examples:") && help.contains(&example), "{}", command.get_name());
        }
    }

    #[test]
    fn a_cause_is_not_said_twice() {
        let inner = std::io::Error::other("disk on fire");
        let error = anyhow::Error::from(inner).context("cannot write: disk on fire").context("saving");
        assert_eq!(told(&error), "saving: cannot write: disk on fire");
    }
}
