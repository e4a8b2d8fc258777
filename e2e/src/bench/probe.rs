//! What the disk takes for a write of one message, with no broker in between.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::speed::median;

/// About a record of a message of 128 bytes.
const WRITE: usize = 320;
const WRITES: usize = 200;
const SIZE: usize = 1 << 20;

/// The median time of a write and its fdatasync, into a file whose blocks were written before: as a log has them that was prepared.
pub(super) fn sync_latency(folder: &Path) -> Result<Duration> {
    let path = folder.join("probe");
    let mut file = File::create(&path)?;
    file.write_all(&vec![0; SIZE])?;
    file.sync_all()?;
    let mut took = Vec::with_capacity(WRITES);
    for index in 0..WRITES {
        let start = Instant::now();
        file.write_all_at(&[b'x'; WRITE], (index * WRITE) as u64)?;
        file.sync_data()?;
        took.push(start.elapsed().as_secs_f64());
    }
    std::fs::remove_file(path)?;
    Ok(Duration::from_secs_f64(median(took).unwrap_or(0.0)))
}
