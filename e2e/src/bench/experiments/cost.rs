//! What a message costs at a rate that both brokers take with ease, and how long the slowest of a thousand takes. The bound tells what
//! of that is the machine's: a request that wakes a thread costs microseconds there, whatever is done with it.

use anyhow::{Result, ensure};
use gantry_bench::{Load, Mode, Pace};

use super::stage::{Stage, microseconds};
use super::sync;
use crate::bench::arena::Flush;
use crate::bench::{Contestant, lines};

const CONNECTIONS: usize = 64;
/// Messages that a pull asks for, which is what Apache's broker gives at most unless it is told otherwise.
const BATCH: i32 = 32;

pub(super) fn measure(stage: &mut Stage<'_>) -> Result<()> {
    let rate = stage.reference.half(stage.flush);
    let paced =
        Load { pace: Pace::Rate(rate), connections: CONNECTIONS, depth: 256, ..stage.load("cost-128") };
    let (tally, cpu) = stage.run(&paced)?;
    ensure!(tally.answered > 0, "nothing was sent:\n{}", stage.arena.log_tail());
    let per_million = |messages: u64, cpu: std::time::Duration| cpu.as_secs_f64() / messages as f64 * 1e6;
    let tail = microseconds(&tally.latency, 99.9);
    let contestant = stage.contestant;
    let (curve, line) = match stage.flush {
        Flush::Async => ("send at half of Apache's maximum, ASYNC_FLUSH", &lines::TAIL_ASYNC),
        Flush::Sync => ("send at half of Apache's maximum, SYNC_FLUSH", &lines::TAIL_SYNC),
    };
    stage.findings.curves.add(curve, contestant, &tally.latency);
    stage.add(line, tail);
    if stage.flush == Flush::Sync {
        if contestant == Contestant::Gantry {
            let bound = sync::least(&paced)?.latency;
            stage.findings.curves.add(curve, Contestant::Responder, &bound);
            stage.add_bound(line, microseconds(&bound, 99.9));
        }
        return Ok(());
    }
    stage.add(&lines::CPU_SEND_128, per_million(tally.answered, cpu));

    let (tally, cpu) = stage.run(&Load { size: 1024, topic: "cost-1k".into(), ..paced.clone() })?;
    stage.add(&lines::CPU_SEND_1K, per_million(tally.answered.max(1), cpu));

    if contestant == Contestant::Responder {
        return Ok(());
    }
    let pulls = Load {
        mode: Mode::Pull,
        pace: Pace::Rate(rate / f64::from(BATCH)),
        batch: BATCH,
        connections: 16,
        depth: 16,
        ..paced
    };
    let (tally, cpu) = stage.run(&pulls)?;
    ensure!(tally.pulled > 0, "nothing was pulled:\n{}", stage.arena.log_tail());
    stage.add(&lines::CPU_PULL, per_million(tally.pulled, cpu));
    Ok(())
}
