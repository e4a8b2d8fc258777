//! Files as they are after a boot: on the disk only.

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::path::Path;

use anyhow::{Result, ensure};

/// Has the kernel forget what it holds of these files. The broker that maps them has ended.
pub(crate) fn forget(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            forget(&path)?;
            continue;
        }
        let file = File::open(&path)?;
        file.sync_all()?;
        // SAFETY: it takes an open file and numbers.
        let refused = unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
        ensure!(refused == 0, "{}: {}", path.display(), std::io::Error::from_raw_os_error(refused));
    }
    Ok(())
}
