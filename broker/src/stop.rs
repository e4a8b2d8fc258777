//! The end of threads that wait for time to pass.

use parking_lot::{Condvar, Mutex};
use std::time::Duration;

/// Set once, for all threads that look at it.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    is_set: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    pub(crate) fn set(&self) {
        *self.is_set.lock() = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_set(&self) -> bool {
        *self.is_set.lock()
    }

    /// Waits for the stop, this long at most; true when it has come.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        let mut is_set = self.is_set.lock();
        if !*is_set {
            self.changed.wait_for(&mut is_set, limit);
        }
        *is_set
    }
}
