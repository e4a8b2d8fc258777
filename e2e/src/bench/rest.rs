//! A disk at rest. The faster a broker is, the more it has written when it is warm, and would be measured while the disk works that off.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// So many small writes in a row have to be on the disk in no time, with pauses in between.
const LOOKS: usize = 200;
const PAUSE: Duration = Duration::from_millis(10);
const NO_TIME: Duration = Duration::from_millis(5);
/// A disk that is not at rest by then has other reasons.
const PATIENCE: Duration = Duration::from_secs(60);

/// Brings everything to the disk, and waits until the disk that has `folder` is quick again; `false` when it is not.
pub(super) fn disk(folder: &Path) -> Result<bool> {
    // SAFETY: it has no arguments and no result.
    unsafe { libc::sync() };
    let path = folder.join("rest");
    let file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    let (start, mut quick) = (Instant::now(), 0);
    while quick < LOOKS && start.elapsed() < PATIENCE {
        let look = Instant::now();
        file.write_all_at(&[0; 512], 0)?;
        file.sync_data()?;
        quick = if look.elapsed() < NO_TIME { quick + 1 } else { 0 };
        thread::sleep(PAUSE);
    }
    std::fs::remove_file(&path)?;
    Ok(quick == LOOKS)
}
