//! Many messages over several connections, several on their way at once.

use super::bodies::Bodies;
use super::report::Report;
use super::tally::Tally;
use crate::output::note::warning;
use crate::producer::{Message, Producer, Target};
use parking_lot::Mutex;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::JoinSet;

/// What is to be sent, and how.
#[derive(Debug)]
pub(super) struct Fleet {
    /// Everything but the bodies.
    pub(super) template: Message,
    pub(super) target: Target,
    /// Messages on their way at once, for each producer.
    pub(super) in_flight: u16,
    /// Stop when this many fail in a row.
    pub(super) give_up_after: u64,
}

/// Messages being sent.
#[derive(Debug)]
pub(super) struct Running {
    work: Arc<Work>,
    workers: JoinSet<()>,
}

#[derive(Debug)]
struct Work {
    fleet: Fleet,
    bodies: Bodies,
    each: Option<Report>,
    stop: AtomicBool,
    stopped: tokio::sync::Notify,
    tally: Mutex<Tally>,
}

impl Fleet {
    /// Starts sending; with `each`, every stored message is told on standard output.
    pub(super) fn start(self, producers: Vec<Producer>, bodies: Bodies, each: Option<Report>) -> Running {
        let in_flight = self.in_flight;
        let work = Arc::new(Work {
            fleet: self,
            bodies,
            each,
            stop: AtomicBool::new(false),
            stopped: tokio::sync::Notify::new(),
            tally: Mutex::new(Tally::new()),
        });
        let mut workers = JoinSet::new();
        for producer in producers {
            let producer = Arc::new(producer);
            for _ in 0..in_flight {
                workers.spawn(Arc::clone(&work).run(Arc::clone(&producer)));
            }
        }
        Running { work, workers }
    }
}

impl Running {
    /// Completes when everything is sent, or sending was given up.
    pub(super) async fn finished(&mut self) {
        while self.workers.join_next().await.is_some() {}
        self.work.tally.lock().end();
    }

    /// Takes up nothing new.
    pub(super) fn stop(&self) {
        self.work.stop();
    }

    pub(super) fn tally<T>(&self, look: impl FnOnce(&Tally) -> T) -> T {
        look(&self.work.tally.lock())
    }

    pub(super) fn into_tally(self) -> Tally {
        std::mem::replace(&mut *self.work.tally.lock(), Tally::new())
    }
}

impl Work {
    async fn run(self: Arc<Self>, producer: Arc<Producer>) {
        while let Some((number, body)) = self.next().await {
            let message = Message { body, ..self.fleet.template.clone() };
            let outcome = producer.send(&message, &self.fleet.target).await;
            let in_a_row = self.tally.lock().count(number, &outcome);
            if in_a_row >= self.fleet.give_up_after {
                self.stop();
            }
            if let (Some(report), Ok(receipt)) = (self.each, &outcome) {
                if writeln!(std::io::stdout(), "{}", report.receipt(receipt)).is_err() {
                    // Nobody reads what became of the lines.
                    self.stop();
                }
                if let Some(text) = receipt.status.warning() {
                    warning(format_args!("line {number}: {}: {text}", receipt.status));
                }
            }
        }
    }

    async fn next(&self) -> Option<(u64, bytes::Bytes)> {
        let stopped = self.stopped.notified();
        tokio::pin!(stopped);
        stopped.as_mut().enable();
        if self.stop.load(Ordering::Acquire) {
            return None;
        }
        tokio::select! {
            next = self.bodies.next() => next.unwrap_or_else(|error| {
                self.tally.lock().input_error = Some(error.to_string());
                None
            }),
            () = stopped => None,
        }
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.stopped.notify_waiters();
    }
}
