//! F6: the kernel says no. `strace` has the n-th call of each thread fail without being made; then the power goes, so that only
//! what had reached the disk can be found again.

use std::fs;
use std::time::Duration;

use anyhow::Result;

use super::Tally;
use super::ground::{Ground, Reached};
use super::run::Run;
use crate::checker::Verdict;
use crate::history::Flush;

/// Calls, and how they fail.
const CALLS: &[(&str, &str)] = &[
    ("msync", "EIO"),
    ("fdatasync", "EIO"),
    ("fsync", "EIO"),
    ("pwrite64", "EIO"),
    ("pwrite64", "ENOSPC"),
    ("fallocate", "ENOSPC"),
    ("rename", "EIO"),
    ("ftruncate", "EIO"),
];
/// A broker that found a sync failing is gone by then.
const PATIENCE: Duration = Duration::from_secs(5);

/// Each call, for n up to this.
pub(super) fn count(most: u32) -> u32 {
    CALLS.len() as u32 * most
}

pub(super) fn run(cycles: u32, _seed: u64, each: &mut dyn FnMut()) -> Result<Tally> {
    let mut tally = Tally::default();
    for cycle in 0..cycles {
        let (call, error) = CALLS[cycle as usize % CALLS.len()];
        let n = cycle as usize / CALLS.len() + 1;
        let (failed, verdict) = one(call, error, n, &|_| {})?;
        tally.witness(&format!("{call} that failed with {error}"), failed);
        tally.cycles += 1;
        tally.add(verdict);
        each();
    }
    Ok(tally)
}

/// One call of each thread fails in the life of a broker that `prepare` has prepared. Gives how many did.
pub(super) fn one(call: &str, error: &str, n: usize, prepare: &dyn Fn(&mut Run)) -> Result<(u64, Verdict)> {
    let mut run = Run::patient(Flush::Sync, Ground::disk()?)?;
    prepare(&mut run);
    run.begin_life()?;
    run.look()?;
    run.work(50)?;
    run.stop()?;
    let trace = run.folder().join("trace");
    let wrapper = format!(
        "strace -D -f --seccomp-bpf -qq -o {} -e trace={call} -e inject={call}:error={error}:when={n}",
        trace.display()
    );
    run.start.wrapper = wrapper.split(' ').map(str::to_owned).collect();
    // It may refuse to start when its files fail it; then it says why.
    if run.try_to_begin_life()? && run.try_to_look()? {
        run.work_until_power_cut_or_end(2_000, PATIENCE)?;
    } else {
        run.cut_power_now(|| Reached::Nothing)?;
    }
    run.start.wrapper.clear();
    let failed = fs::read_to_string(&trace).unwrap_or_default().matches("(INJECTED)").count();
    Ok((failed as u64, run.judge()?))
}
