//! A disk that does not keep up: whoever would wait for it is told to come again, instead of everybody waiting.
//!
//! An append is a copy into the page cache, so it waits for the disk only when the kernel makes it wait; then it waits
//! with the append lock held. In SYNC mode answers wait for the flush besides (Apache: `isOSPageCacheBusy`, `OS_PAGE_CACHE_BUSY`).

use super::Inner;
use crate::AppendError;
use crate::commit_log::Tip;
use crate::config::FlushMode;
use parking_lot::MutexGuard;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Whether the last who wanted to append had to give up.
#[derive(Debug, Default)]
pub(super) struct Stalled(AtomicBool);

impl Inner {
    /// The end of the log, for an append.
    ///
    /// # Errors
    /// Somebody else has held it for too long. The first who find that out have waited for the configured time, those who
    /// come after them do not wait at all, until somebody gets it again.
    pub(super) fn tip_to_append(&self) -> Result<MutexGuard<'_, Tip>, AppendError> {
        let stalled = &self.stalled.0;
        let tip = self.tip.try_lock().or_else(|| {
            let patience =
                if stalled.load(Ordering::Relaxed) { Duration::ZERO } else { self.config.busy_after };
            self.tip.try_lock_for(patience)
        });
        let gave_up = tip.is_none();
        // Written seldom, so that reading it costs nothing.
        if stalled.load(Ordering::Relaxed) != gave_up {
            stalled.store(gave_up, Ordering::Relaxed);
            if gave_up {
                tracing::warn!("the disk does not keep up: messages are refused until it does");
            } else {
                tracing::info!("the disk keeps up again: messages are taken");
            }
        }
        tip.ok_or(AppendError::Busy)
    }

    /// # Errors
    /// The flush that answers wait for takes too long: those of more messages would come too late as well.
    pub(super) fn check_flush(&self) -> Result<(), AppendError> {
        let waited_for = self.config.flush == FlushMode::Sync;
        if waited_for && self.flusher.busy_for() > self.config.busy_after {
            return Err(AppendError::Busy);
        }
        Ok(())
    }
}
