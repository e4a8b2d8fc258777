//! ConsumeQueues and the index, made anew from the log.

use std::fmt;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;

/// What building anew took, beside reading the same files and doing nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Rebuilt {
    /// Of the log on the disk: holes are none.
    pub bytes: u64,
    pub messages: i64,
    pub read_in: Duration,
    /// From the start of the program to the first SEND_OK.
    pub back_after: Duration,
    /// To the moment when the last message is found by its key.
    pub indexed_after: Duration,
}

impl fmt::Display for Rebuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = |time: Duration| self.bytes as f64 / f64::from(1 << 20) / time.as_secs_f64();
        write!(
            f,
            "rebuilt {} messages in {:.1} s, {:.0} MiB/s; the disk gives {:.0} MiB/s: {:.2} of it; the index after {:.1} s",
            self.messages,
            self.back_after.as_secs_f64(),
            rate(self.back_after),
            rate(self.read_in),
            self.read_in.as_secs_f64() / self.back_after.as_secs_f64(),
            self.indexed_after.as_secs_f64(),
        )
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files: Vec<_> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort_unstable();
    Ok(files)
}

pub(super) fn bytes_on_disk(log: &Path) -> Result<u64> {
    files(log)?.iter().map(|path| Ok(fs::metadata(path)?.blocks() * 512)).sum()
}

/// Reads them one after the other, as fast as they come.
pub(super) fn read_all(log: &Path) -> Result<Duration> {
    let start = Instant::now();
    let mut buffer = vec![0; 1 << 20];
    for path in files(log)? {
        let mut file = File::open(path)?;
        while file.read(&mut buffer)? > 0 {}
    }
    Ok(start.elapsed())
}

pub(super) fn remove_derived(store: &Path) -> Result<()> {
    for folder in ["consumequeue", "index"] {
        fs::remove_dir_all(store.join(folder))?;
    }
    Ok(())
}
