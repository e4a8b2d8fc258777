//! How late messages come whose time is there, while many others wait for theirs.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};

use super::fill;
use crate::Cluster;
use crate::many::all;
use crate::record::Record;
use crate::remoting::Connection;

/// Messages that come due, evenly over [`WITHIN_MS`].
const DUE: usize = 5_000;
const WITHIN_MS: u64 = 10_000;
/// Until the first of them is due: they have to be there by then.
const AHEAD_MS: u64 = 5_000;
const PULL_RETRY_IMMEDIATELY: i64 = 20;

/// From the time that a message asked for until a consumer that waits has it.
pub(super) struct Lateness {
    /// In milliseconds, the least first; below 0 is early.
    late: Vec<i64>,
}

impl Lateness {
    fn at(&self, share: f64) -> i64 {
        let index = (self.late.len() as f64 * share) as usize;
        self.late.get(index).or_else(|| self.late.last()).copied().unwrap_or(0)
    }
}

impl fmt::Display for Lateness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let early = self.late.iter().filter(|late| **late < 0).count();
        let (median, p99, max) = (self.at(0.5), self.at(0.99), self.at(1.0));
        write!(
            f,
            "{} of them due meanwhile: {early} early, late by {median} ms (p50), {p99} ms (p99), {max} ms at most",
            self.late.len()
        )
    }
}

/// Sends messages to the topic of [`fill::timers`] that come due soon, and waits for them.
pub(super) fn measure(cluster: &Cluster) -> Result<Lateness> {
    let first = now_ms() + AHEAD_MS;
    let due = |n: usize| first + n as u64 * WITHIN_MS / DUE as u64;
    let message = |n: usize| {
        let (key, due) = (format!("DUE-{n:012}"), due(n).to_string());
        fill::send(fill::TOPIC, &[("UNIQ_KEY", &key), ("TIMER_DELIVER_MS", &due), ("due", &due)])
    };
    all(cluster.broker_port(), DUE, &message)?;
    ensure!(now_ms() < first, "sending {DUE} messages took longer than {AHEAD_MS} ms");

    let mut consumer = Connection::open(cluster.broker_port())?;
    consumer.patience(Duration::from_millis(AHEAD_MS + WITHIN_MS))?;
    let (mut late, mut offset) = (Vec::with_capacity(DUE), 0);
    while late.len() < DUE {
        let answer = consumer.call(&fill::pull(0, 0, offset))?;
        let now = now_ms() as i64;
        ensure!([0, PULL_RETRY_IMMEDIATELY].contains(&answer.code), "{} {}", answer.code, answer.remark);
        offset = answer.number("nextBeginOffset")?;
        if answer.code == 0 {
            for record in Record::all_in(&answer.body)? {
                let due: i64 = record.properties["due"].parse()?;
                late.push(now - due);
            }
        }
    }
    ensure!(late.len() == DUE, "{} messages came, {DUE} were sent", late.len());
    late.sort_unstable();
    Ok(Lateness { late })
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}
