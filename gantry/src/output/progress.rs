//! Progress of something long: a bar on a terminal, a line now and then elsewhere.

use super::numbers;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

/// Without a terminal: a line this often.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows how far something is.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Redrawn in place.
    Bar(ProgressBar),
    /// One line now and then.
    Lines { verb: &'static str, total: Option<u64>, started: Instant, said: Instant },
    /// Nothing.
    Off,
}

impl Progress {
    /// Progress of doing `verb` to `total` messages, if that is known.
    pub(crate) fn new(verb: &'static str, total: Option<u64>) -> Self {
        if stderr().is_terminal() {
            return Self::Bar(bar(verb, total));
        }
        let now = Instant::now();
        Self::Lines { verb, total, started: now, said: now }
    }

    /// `done` are done; `extra` is said beside.
    pub(crate) fn update(&mut self, done: u64, extra: &str) {
        match self {
            Self::Bar(bar) => {
                bar.set_position(done);
                bar.set_message(extra.to_owned());
            }
            Self::Lines { verb, total, started, said } => {
                if said.elapsed() >= LINE_EVERY {
                    *said = Instant::now();
                    super::note::note(line(verb, done, *total, started.elapsed(), extra));
                }
            }
            Self::Off => {}
        }
    }

    /// Runs `say` with the bar out of the way.
    pub(crate) fn aside(&self, say: impl FnOnce()) {
        match self {
            Self::Bar(bar) => bar.suspend(say),
            Self::Lines { .. } | Self::Off => say(),
        }
    }

    /// Takes the bar away: a summary follows.
    pub(crate) fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn bar(verb: &'static str, total: Option<u64>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(10)).with_prefix(verb);
    let template = match total {
        Some(_) => "{prefix} [{bar:30}] {human_pos}/{human_len}  {per_sec}  {eta} left  {msg}",
        None => "{prefix} {human_pos}  {per_sec}  {msg}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(
            style
                .with_key("per_sec", |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
                    let _ = write!(
                        out,
                        "{}/s",
                        numbers::rate(1_000, Duration::from_secs_f64(1_000.0 / state.per_sec().max(0.001)))
                    );
                })
                .progress_chars("=> "),
        );
    }
    bar
}

fn line(verb: &str, done: u64, total: Option<u64>, elapsed: Duration, extra: &str) -> String {
    let of = total.map(|total| format!(" of {}", numbers::grouped(total))).unwrap_or_default();
    let extra = if extra.is_empty() { String::new() } else { format!(", {extra}") };
    format!("{verb} {}{of}, {}/s{extra}", numbers::grouped(done), numbers::rate(done, elapsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_and_how_fast() {
        let ten = Duration::from_secs(10);
        assert_eq!(
            line("sent", 12_000, Some(100_000), ten, "3 failed"),
            "sent 12,000 of 100,000, 1,200/s, 3 failed"
        );
        assert_eq!(line("received", 5, None, ten, ""), "received 5, 0.5/s");
    }
}
