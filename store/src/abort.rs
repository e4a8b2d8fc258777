//! The store's lock, and the marker that tells a crash from a clean stop.
//!
//! Apache: `DefaultMessageStore` (`lock`, a POSIX record lock, so the two brokers exclude each other) and `abort`, which
//! holds the process id and exists while the store is open.

use crate::{OpenError, sys};
use rustix::fs::FlockOperation;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Leaves the marker on the disk before anything else is done: without it a power cut would look like a clean stop.
fn mark(path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    let written = file.write_all(std::process::id().to_string().as_bytes());
    match written.and_then(|()| file.sync_all()) {
        // That it is there counts. On a full disk there is no place for what it says, and messages can still be read.
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(()),
        written => written,
    }
}

/// Holds the lock until dropped.
#[derive(Debug)]
pub(crate) struct Opened {
    abort: PathBuf,
    _lock: File,
}

impl Opened {
    /// Takes the lock and leaves the marker. The second value tells whether the last stop was clean.
    pub(crate) fn acquire(root: &Path) -> Result<(Self, bool), OpenError> {
        let lock_path = root.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&lock_path)
            .map_err(OpenError::io("open", &lock_path))?;
        // Record locks do not exclude this very process, BSD locks do not exclude Apache's: take both.
        let in_use = |_| OpenError::InUse { path: root.to_owned() };
        lock.try_lock().map_err(|_| OpenError::InUse { path: root.to_owned() })?;
        rustix::fs::fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(in_use)?;
        let abort = root.join("abort");
        let clean = !abort.exists();
        mark(&abort).and_then(|()| sys::sync_dir(root)).map_err(OpenError::io("write", &abort))?;
        Ok((Self { abort, _lock: lock }, clean))
    }

    /// Says that the stop was clean.
    pub(crate) fn release(self) {
        if let Err(error) = fs::remove_file(&self.abort) {
            tracing::warn!(path = %self.abort.display(), %error, "cannot remove the abort marker: the next start will recover");
        }
    }
}
