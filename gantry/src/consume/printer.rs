//! Printing batches, and knowing when it is enough.

use super::format::Format;
use crate::consumer::{Batch, Message};
use std::io::{self, BufWriter, ErrorKind, Stdout, Write as _, stdout};

/// Prints messages to standard output.
#[derive(Debug)]
pub(super) struct Printer {
    format: Format,
    /// Any of these; all messages when empty.
    keys: Vec<String>,
    limit: Option<u64>,
    printed: u64,
    skipped: u64,
    out: BufWriter<Stdout>,
}

/// How printing a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Printed {
    /// There may be more.
    All,
    /// As many as were asked for are printed.
    Enough,
    /// Nobody reads any more, as behind `| head`.
    OutputClosed,
}

impl Printer {
    pub(super) fn new(format: Format, keys: Vec<String>, limit: Option<u64>) -> Self {
        Self { format, keys, limit, printed: 0, skipped: 0, out: BufWriter::new(stdout()) }
    }

    /// Messages that were printed.
    pub(super) fn printed(&self) -> u64 {
        self.printed
    }

    /// Messages that had none of the keys.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Prints a batch and counts it as used: as much of it as reached standard output.
    pub(super) fn print(&mut self, mut batch: Batch) -> io::Result<Printed> {
        // Whose queue was given away is printed elsewhere.
        let Some(messages) = batch.claim() else { return Ok(Printed::All) };
        let mut used = 0;
        let mut outcome = Ok(Printed::All);
        for message in messages {
            used += 1;
            if !self.is_wanted(message) {
                self.skipped += 1;
                continue;
            }
            if let Err(error) = self.format.write(message, &mut self.out) {
                outcome = Err(error);
                break;
            }
            self.printed += 1;
            if self.limit.is_some_and(|limit| self.printed >= limit) {
                outcome = Ok(Printed::Enough);
                break;
            }
        }
        match outcome.and_then(|printed| self.out.flush().map(|()| printed)) {
            Ok(printed) => {
                batch.finish(used);
                Ok(printed)
            }
            // How much of it was read is not known, so none of it counts.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Printed::OutputClosed),
            Err(error) => Err(error),
        }
    }

    fn is_wanted(&self, message: &Message) -> bool {
        self.keys.is_empty() || message.keys.iter().any(|key| self.keys.contains(key))
    }
}
