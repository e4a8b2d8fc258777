//! Messages until the log has its size.

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use anyhow::{Result, ensure};

use super::{QUEUES, TOPIC};
use crate::Cluster;
use crate::broker_client::Draft;
use crate::many::all;
use crate::remoting::Request;

const KIB: usize = 1024;
/// So much of the log are messages of 1 KiB. What is beyond are large messages of zeros whose blocks are given back to the disk:
/// it reads as it was written, and a log of any size fits.
const IN_SMALL: u64 = 10;
const SMALL: usize = KIB;
const LARGE: usize = 256 * KIB;
/// What a record of `SMALL` takes beside its body.
const AROUND: usize = 128;
/// Bytes of a CommitLog file.
pub(super) const FILE: u64 = 1 << 30;

/// Fills the log up to so many GiB.
pub(super) fn to(cluster: &Cluster, gib: u64) -> Result<()> {
    let port = cluster.broker_port();
    let small = gib.min(IN_SMALL) as usize * (FILE as usize / (SMALL + AROUND));
    all(port, small, &|n| message(n, SMALL))?;
    for _ in IN_SMALL..gib {
        all(port, FILE as usize / LARGE, &|n| message(n, LARGE))?;
        give_back_zeros(&cluster.store().join("commitlog"))?;
    }
    Ok(())
}

/// Small messages, as many as are taken, until nobody takes them any more.
pub(super) fn small_until_it_dies(port: u16) {
    const TOGETHER: usize = 10_000;
    while all(port, TOGETHER, &|n| message(n, 16)).is_ok() {}
}

fn message(n: usize, size: usize) -> Request {
    let key = format!("RECOVERY-{n:012}");
    let queue = (n % QUEUES as usize) as i32;
    Draft { topic: TOPIC, queue, body: &vec![0; size], properties: &[("UNIQ_KEY", &key)] }.request()
}

/// Punches holes where large bodies are, in all files but the last two: they are not written to any more.
fn give_back_zeros(log: &Path) -> Result<()> {
    let mut files: Vec<_> = fs::read_dir(log)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort_unstable();
    files.truncate(files.len().saturating_sub(2));
    for path in files.iter().skip(IN_SMALL as usize + 1) {
        let file = File::options().read(true).write(true).open(path)?;
        // A file that was seen to has few blocks.
        if file.metadata()?.blocks() * 512 < FILE / 2 {
            continue;
        }
        file.sync_all()?;
        let mut block = vec![0; 4 * KIB];
        let mut zeros_from = None;
        for at in (0..FILE).step_by(block.len()) {
            file.read_exact_at(&mut block, at)?;
            let is_zero = block.iter().all(|byte| *byte == 0);
            match zeros_from {
                None if is_zero => zeros_from = Some(at),
                Some(from) if !is_zero => {
                    punch(&file, from, at - from)?;
                    zeros_from = None;
                }
                _ => {}
            }
        }
        if let Some(from) = zeros_from {
            punch(&file, from, FILE - from)?;
        }
    }
    Ok(())
}

fn punch(file: &File, at: u64, len: u64) -> Result<()> {
    let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    // SAFETY: the call takes numbers only.
    let done = unsafe { libc::fallocate(file.as_raw_fd(), mode, at as libc::off_t, len as libc::off_t) };
    ensure!(done == 0, "a hole at {at}: {}", std::io::Error::last_os_error());
    Ok(())
}
