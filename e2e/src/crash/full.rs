//! F7: the disk is full. Messages are refused with a reason, those that are there are read, and once there is space again all goes
//! on by itself.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::Tally;
use super::ground::Ground;
use super::run::Run;
use crate::history::{Flush, What};

const DISK_MIB: u64 = 48;
/// From when there is space again to the first message that is taken.
const TAKEN_WITHIN: Duration = Duration::from_secs(5);

pub(super) fn run(cycles: u32, seed: u64, each: &mut dyn FnMut()) -> Result<Tally> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut tally = Tally::default();
    while tally.cycles < cycles {
        let flush = if random.bool() { Flush::Sync } else { Flush::Async };
        let mut run = Run::patient(flush, Ground::small_disk(DISK_MIB)?)?;
        let filler = run.start.store.with_file_name("filler");
        run.begin_life()?;
        run.look()?;
        for _ in 0..4.min(cycles - tally.cycles) {
            run.work(random.u64(50..500))?;
            // So much is left: for nothing, for a small file, for a log file.
            let left = [0, 4_096, 200_000, 1_200_000][random.usize(..4)];
            // On a busy machine it takes as long as all the rest, and most of that on a disk that is as good as full.
            let filling_since = Instant::now();
            fill(&filler, left)?;
            let full_since = Instant::now();
            let refused = run.work_while_full(Duration::from_millis(1_500))?;
            tally.witness("messages that were refused", refused);
            run.read_everything().context("reading on a full disk")?;
            // What is committed now cannot be saved.
            run.record(What::Slow { ms: full_since.elapsed().as_millis() as u64 });
            if random.bool() {
                // A broker that starts on a full disk serves what there is.
                run.kill()?;
                run.begin_life()?;
                run.read_everything().context("reading after a start on a full disk")?;
                tally.witness("starts on a full disk", 1);
            }
            fs::remove_file(&filler)?;
            let since = Instant::now();
            while run.world.send_one().is_err() {
                ensure!(
                    since.elapsed() < TAKEN_WITHIN,
                    "messages are refused {TAKEN_WITHIN:?} after there is space"
                );
                std::thread::sleep(Duration::from_millis(20));
            }
            run.record(What::Full { ms: filling_since.elapsed().as_millis() as u64 });
            tally.cycles += 1;
            each();
        }
        tally.add(run.judge()?);
    }
    Ok(tally)
}

/// Takes all space but so many bytes.
fn fill(path: &Path, left: u64) -> Result<()> {
    let mut file = File::create(path)?;
    let block = vec![7; 64 * 1024];
    let mut size = 0;
    for step in [block.len(), 4096, 512] {
        while let Some(bytes) = block.get(..step)
            && file.write_all(bytes).and_then(|()| file.sync_data()).is_ok()
        {
            size += step as u64;
        }
    }
    file.set_len(size.saturating_sub(left))?;
    file.sync_all()?;
    Ok(())
}
