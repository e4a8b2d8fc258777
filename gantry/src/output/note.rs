//! What is said beside the output, on standard error: output stays clean for pipes.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _, stderr};

/// Says `text` on a line of its own, dimmed on a terminal.
pub(crate) fn note(text: impl Display) {
    let mut stderr = stderr().lock();
    // Nobody can be told that standard error is closed.
    let _ = if dims() { writeln!(stderr, "\x1b[2m-- {text}\x1b[0m") } else { writeln!(stderr, "-- {text}") };
}

/// Says that something is not as it should be.
pub(crate) fn warning(text: impl Display) {
    let _ = writeln!(stderr().lock(), "warning: {text}");
}

fn dims() -> bool {
    stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
