//! How far a recovery has come, for those who wait for it.

use crate::PhysicalOffset;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

/// The part of the CommitLog that a recovery reads. Shared with whoever wants to know meanwhile.
#[derive(Debug, Default)]
pub struct Progress {
    from: AtomicI64,
    at: AtomicI64,
    /// The end of the newest file: the log ends before it.
    until: AtomicI64,
}

impl Progress {
    pub(super) fn begin(&self, from: PhysicalOffset, until: PhysicalOffset) {
        self.from.store(from.0, Ordering::Relaxed);
        self.at.store(from.0, Ordering::Relaxed);
        self.until.store(until.0, Ordering::Relaxed);
    }

    pub(super) fn reach(&self, at: PhysicalOffset) {
        self.at.store(at.0, Ordering::Relaxed);
    }

    /// Where it began to read.
    #[must_use]
    pub fn from(&self) -> PhysicalOffset {
        PhysicalOffset(self.from.load(Ordering::Relaxed))
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: i64 = 1 << 20;
        let (from, at) = (self.from.load(Ordering::Relaxed), self.at.load(Ordering::Relaxed));
        match self.until.load(Ordering::Relaxed) {
            0 => write!(f, "looking at its files"),
            until => write!(
                f,
                "{} MiB read of at most {} MiB of the CommitLog",
                (at - from) / MIB,
                (until - from) / MIB
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_how_far_it_is() {
        let progress = Progress::default();
        assert_eq!(progress.to_string(), "looking at its files");
        progress.begin(PhysicalOffset(10 << 20), PhysicalOffset(30 << 20));
        progress.reach(PhysicalOffset(15 << 20));
        assert_eq!(progress.to_string(), "5 MiB read of at most 20 MiB of the CommitLog");
    }
}
