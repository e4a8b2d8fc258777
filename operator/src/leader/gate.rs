//! Whether this process may write.

use super::RENEW_DEADLINE;
use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// Open while the Lease was renewed lately enough.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    term: Mutex<Option<Held>>,
    /// When the API server last answered about the Lease, whoever has it.
    answered: Mutex<Option<Instant>>,
}

/// A term of the leadership.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    /// When its last renewal was asked for.
    pub(super) at: Instant,
}

impl Gate {
    pub(crate) fn is_open(&self) -> bool {
        self.fresh(RENEW_DEADLINE)
    }

    /// The API server answered no longer ago than `limit`.
    pub(crate) fn in_touch(&self, limit: Duration) -> bool {
        self.answered.lock().is_some_and(|at| at.elapsed() < limit)
    }

    pub(super) fn answered(&self) {
        *self.answered.lock() = Some(Instant::now());
    }

    /// Ends the process unless it is open: an admin call cannot be refused on its way, as a request to the API server is.
    pub(crate) fn must_be_open(&self) {
        if !self.is_open() {
            tracing::error!("this operator does not lead any more: stopping");
            std::process::exit(1);
        }
    }

    /// Renewed no longer ago than `limit`.
    pub(super) fn fresh(&self, limit: Duration) -> bool {
        self.term.lock().is_some_and(|held| held.at.elapsed() < limit)
    }

    pub(super) fn renewed(&self, held: Held) {
        *self.term.lock() = Some(held);
    }

    pub(super) fn close(&self) {
        *self.term.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_that_was_slept_through_is_over() {
        let gate = Gate::default();
        assert!(!gate.is_open());
        gate.renewed(Held { at: Instant::now() });
        assert!(gate.is_open());
        let long_ago = Instant::now().checked_sub(RENEW_DEADLINE).unwrap();
        gate.renewed(Held { at: long_ago });
        assert!(!gate.is_open());
    }
}
