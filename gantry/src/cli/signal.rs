//! Being asked to stop: Ctrl-C, or SIGTERM.

use std::io;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The two ways to be asked to stop.
#[derive(Debug)]
pub(crate) struct StopSignal {
    interrupt: Signal,
    terminate: Signal,
    last: Option<Instant>,
}

/// `timeout` and others signal a process and its group: that is one request.
const SAME: Duration = Duration::from_millis(300);

impl StopSignal {
    /// Listens from now on: neither ends the process by itself any more.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            last: None,
        })
    }

    /// Completes when asked to stop, each time anew.
    pub(crate) async fn received(&mut self) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
            }
            let before = self.last.replace(Instant::now());
            if before.is_none_or(|before| before.elapsed() > SAME) {
                return;
            }
        }
    }
}
