//! What the servers log: all of it to a file, warnings to the terminal as well.

use super::screen::Screen;
use crate::cli::logging::filter;
use std::fs::File;
use std::io::{self, Write, stderr};
use std::sync::Mutex;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Sets it up, once in a process.
pub(super) fn init(file: File, screen: &Screen) {
    let to_file = fmt::layer().with_ansi(false).with_writer(Mutex::new(file)).with_filter(filter("info"));
    let screen = screen.clone();
    let to_screen = fmt::layer()
        .with_target(false)
        .without_time()
        .with_writer(move || AboveTheLine(screen.clone()))
        .with_filter(LevelFilter::WARN);
    // Another subscriber may be there: then it is told.
    let _ = tracing_subscriber::registry().with(to_file).with(to_screen).try_init();
}

/// Standard error, above the live line.
struct AboveTheLine(Screen);

impl Write for AboveTheLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.aside(|| stderr().lock().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
