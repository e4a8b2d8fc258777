//! A group that is far behind reads what is not in memory.

use anyhow::Result;

use super::Alone;
use crate::bench::lines;
use crate::speed::Backlog;

/// Messages of 1 KiB.
const MESSAGES: usize = 1 << 20;

pub(super) fn measure(alone: &mut Alone<'_>) -> Result<()> {
    for (contestant, target) in alone.contestants() {
        let mut backlog = Backlog::prepare(target, alone.count(MESSAGES))?;
        let sequential = backlog.sequential_rate()?;
        let beside = backlog.read_cold()?;
        let rate = beside.read as f64 / beside.took.as_secs_f64();
        alone.note(format!(
            "{contestant}: {:.0} MB/s of a cold backlog, the disk by itself {:.0} MB/s; the broker kept {:.2} processors busy, its clients {:.2}",
            rate / 1e6,
            sequential / 1e6,
            beside.broker_busy,
            beside.clients_busy,
        ));
        // On a machine that readers and broker share, most of it is the work of reading.
        let [by_itself, cold, warm] =
            [beside.alone, beside.cold, beside.warm].map(|latency| latency.p99.as_micros());
        alone.note(format!(
            "{contestant}: p99 of live sends {by_itself} us, beside the cold read {cold} us, beside the same read from memory {warm} us"
        ));
        alone.add(&lines::COLD_RATE, contestant, rate / sequential * 100.0);
        let live = beside.cold.p99.as_secs_f64() / beside.alone.p99.as_secs_f64();
        alone.add(&lines::COLD_LIVE, contestant, live);
    }
    Ok(())
}
