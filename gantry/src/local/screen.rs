//! The terminal: a line at the bottom that is redrawn, and text above it. Elsewhere, lines.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::time::{Duration, Instant};

/// Without a terminal: the live line at most this often.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Where the live line goes. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Screen {
    /// `None` without a terminal.
    bar: Option<ProgressBar>,
}

/// When a line was last written, and which.
#[derive(Debug, Default)]
pub(super) struct Said {
    line: String,
    at: Option<Instant>,
}

impl Screen {
    /// With one live line.
    pub(super) fn new() -> Self {
        Self::with("{wide_msg}")
    }

    /// With several live lines.
    pub(super) fn tall() -> Self {
        Self::with("{msg}")
    }

    fn with(template: &str) -> Self {
        let bar = (stderr().is_terminal() && stdout().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(4));
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        Self { bar }
    }

    /// True when what is shown is drawn again and again.
    pub(super) fn is_live(&self) -> bool {
        self.bar.is_some()
    }

    /// Writes above the live line.
    pub(super) fn say(&self, text: &str) {
        let write = || {
            // Whoever closed it does not want to know.
            let _ = writeln!(stdout().lock(), "{text}");
        };
        self.aside(write);
    }

    /// Runs `write` with the live line out of the way.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Shows the live line: at once on a terminal, else when it says something new and not too often. Whether it did.
    pub(super) fn show(&self, line: String, said: &mut Said) -> bool {
        if let Some(bar) = &self.bar {
            bar.set_message(line);
            bar.tick();
            return true;
        }
        let shows = said.line != line && said.at.is_none_or(|at| at.elapsed() >= LINE_EVERY);
        if shows {
            self.say(&line);
            *said = Said { line, at: Some(Instant::now()) };
        }
        shows
    }

    /// Shows live lines, cut to the terminal. Nothing without a terminal.
    pub(super) fn show_lines(&self, lines: &[String]) {
        let Some(bar) = &self.bar else { return };
        let (height, width) = console::Term::stderr().size();
        let (height, width) = (usize::from(height).saturating_sub(2).max(1), usize::from(width));
        let mut text: Vec<_> =
            lines.iter().take(height).map(|line| console::truncate_str(line, width, "…")).collect();
        let more = format!("… {} more", lines.len().saturating_sub(height - 1));
        if lines.len() > height {
            text.truncate(height - 1);
            text.push(more.into());
        }
        bar.set_message(text.join("\n"));
        bar.tick();
    }

    /// Takes the live line away.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
