//! How much goes into a topic, and from there to each group, over the last minute, hour and day (Apache: `BrokerStatsManager`,
//! `StatsItem`).

use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often counters are looked at, in milliseconds; every 60th time for the hour, every 360th for the day.
pub(crate) const EVERY_MS: i64 = 10_000;

/// Sums over three windows (Apache: `BrokerStatsData`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sums {
    stats_minute: Sum,
    stats_hour: Sum,
    stats_day: Sum,
}

/// What was counted within a window (Apache: `BrokerStatsItem`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Sum {
    sum: u64,
    /// A second.
    tps: f64,
    /// Each time.
    avgpt: f64,
}

/// A counter with a memory.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    sum: AtomicU64,
    times: AtomicU64,
    /// None until something was counted.
    windows: Mutex<Option<Box<[Window; 3]>>>,
}

/// What a counter was, the oldest first.
#[derive(Debug)]
struct Window {
    /// Looks at the counter between two of these.
    every: i64,
    most: usize,
    seen: VecDeque<Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    at_ms: i64,
    sum: u64,
    times: u64,
}

impl Counter {
    pub(crate) fn add(&self, value: u64) {
        self.sum.fetch_add(value, Ordering::Relaxed);
        self.times.fetch_add(1, Ordering::Relaxed);
    }

    /// The `look`-th look at it.
    fn look(&self, look: i64, at_ms: i64) {
        let seen =
            Seen { at_ms, sum: self.sum.load(Ordering::Relaxed), times: self.times.load(Ordering::Relaxed) };
        if seen.times == 0 {
            return;
        }
        let mut windows = self.windows.lock();
        let new = |every, most| Window {
            every,
            most,
            seen: VecDeque::from([Seen { at_ms: at_ms - EVERY_MS * every, sum: 0, times: 0 }]),
        };
        let windows = windows.get_or_insert_with(|| Box::new([new(1, 7), new(60, 7), new(360, 25)]));
        for window in windows.iter_mut().filter(|window| look % window.every == 0) {
            window.seen.push_back(seen);
            if window.seen.len() > window.most {
                window.seen.pop_front();
            }
        }
    }

    fn total(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }

    fn sums(&self) -> Sums {
        let windows = self.windows.lock();
        let Some([minute, hour, day]) = windows.as_deref() else { return Sums::default() };
        Sums { stats_minute: minute.sum(), stats_hour: hour.sum(), stats_day: day.sum() }
    }
}

impl Window {
    fn sum(&self) -> Sum {
        let (Some(first), Some(last)) = (self.seen.front(), self.seen.back()) else { return Sum::default() };
        let (sum, times, ms) = (last.sum - first.sum, last.times - first.times, last.at_ms - first.at_ms);
        let per = |n: i64| if n > 0 { sum as f64 / n as f64 } else { 0.0 };
        Sum { sum, tps: per(ms) * 1000.0, avgpt: per(times as i64) }
    }
}

/// Messages and their bytes.
#[derive(Debug, Default)]
struct Both {
    messages: Counter,
    bytes: Counter,
}

impl Both {
    fn add(&self, messages: u64, bytes: u64) {
        self.messages.add(messages);
        self.bytes.add(bytes);
    }

    fn look(&self, look: i64, at_ms: i64) {
        self.messages.look(look, at_ms);
        self.bytes.look(look, at_ms);
    }
}

/// Upper bounds of the sizes that messages are counted by, in bytes of the stored record (Apache: `BrokerMetricsManager`).
pub(crate) const SIZES: [u64; 6] = [1 << 10, 4 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20];

/// What goes into a topic and out of it.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    put: Both,
    /// Messages up to each of [`SIZES`], and larger ones.
    sizes: [AtomicU64; SIZES.len() + 1],
    /// Transactions that ended so.
    pub(crate) committed: AtomicU64,
    pub(crate) rolled_back: AtomicU64,
    /// Messages that became dead letters, by group.
    dead: Mutex<BTreeMap<Box<str>, u64>>,
    got: RwLock<HashMap<Box<str>, Arc<Both>>>,
}

impl Traffic {
    pub(crate) fn put(&self, messages: usize, bytes: usize) {
        self.put.add(messages as u64, bytes as u64);
        // Those of a batch are about as large as each other.
        let each = (bytes / messages.max(1)) as u64;
        let size = SIZES.iter().position(|size| each <= *size).unwrap_or(SIZES.len());
        if let Some(count) = self.sizes.get(size) {
            count.fetch_add(messages as u64, Ordering::Relaxed);
        }
    }

    /// A message that the group could not consume became a dead letter.
    pub(crate) fn died(&self, group: &str) {
        *self.dead.lock().entry(group.into()).or_default() += 1;
    }

    /// Dead letters since the start, by group.
    pub(crate) fn dead(&self) -> BTreeMap<Box<str>, u64> {
        self.dead.lock().clone()
    }

    /// Messages up to each of [`SIZES`] since the start, without smaller ones, and larger ones.
    pub(crate) fn sizes(&self) -> Vec<(f64, u64)> {
        let bounds = SIZES.iter().map(|size| *size as f64).chain([f64::MAX]);
        bounds.zip(&self.sizes).map(|(bound, count)| (bound, count.load(Ordering::Relaxed))).collect()
    }

    pub(crate) fn got(&self, group: &str, messages: usize, bytes: usize) {
        if let Some(got) = self.got.read().get(group) {
            return got.add(messages as u64, bytes as u64);
        }
        let got = Arc::clone(self.got.write().entry(group.into()).or_default());
        got.add(messages as u64, bytes as u64);
    }

    /// Messages and bytes put since the start.
    pub(crate) fn put_total(&self) -> (u64, u64) {
        (self.put.messages.total(), self.put.bytes.total())
    }

    /// Messages and bytes that each group got since the start.
    pub(crate) fn got_total(&self) -> Vec<(Box<str>, u64, u64)> {
        let got = self.got.read();
        got.iter().map(|(group, got)| (group.clone(), got.messages.total(), got.bytes.total())).collect()
    }

    /// The `look`-th look at all counters.
    pub(crate) fn look(&self, look: i64, at_ms: i64) {
        self.put.look(look, at_ms);
        self.got.read().values().for_each(|got| got.look(look, at_ms));
    }

    /// Messages a second, over the last minute.
    pub(crate) fn put_per_second(&self) -> f64 {
        self.put.messages.sums().stats_minute.tps
    }

    /// Messages a second that a group got, over the last minute.
    pub(crate) fn got_per_second(&self, group: &str) -> f64 {
        self.got.read().get(group).map_or(0.0, |got| got.messages.sums().stats_minute.tps)
    }

    /// What Apache's tools call `name`; `None` for what is not counted, or has not been yet. `group`: for what a group got.
    pub(crate) fn sums(&self, name: &str, group: Option<&str>) -> Option<Sums> {
        let got = || self.got.read().get(group?).cloned();
        let sums = match name {
            "TOPIC_PUT_NUMS" => self.put.messages.sums(),
            "TOPIC_PUT_SIZE" => self.put.bytes.sums(),
            "GROUP_GET_NUMS" => got()?.messages.sums(),
            "GROUP_GET_SIZE" => got()?.bytes.sums(),
            _ => return None,
        };
        (sums != Sums::default()).then_some(sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_over_their_windows() {
        let traffic = Traffic::default();
        assert_eq!(traffic.sums("TOPIC_PUT_NUMS", None), None);
        for look in 1..=100 {
            // 20 messages in two puts between two looks.
            traffic.put(5, 500);
            traffic.put(15, 1500);
            traffic.got("g", 1, 100);
            traffic.look(look, look * EVERY_MS);
        }
        let put = traffic.sums("TOPIC_PUT_NUMS", None).unwrap();
        assert_eq!(put.stats_minute, Sum { sum: 120, tps: 2.0, avgpt: 10.0 });
        assert_eq!(put.stats_hour.sum, 1200, "looked at once");
        assert_eq!(put.stats_day.sum, 0);
        assert_eq!(traffic.sums("GROUP_GET_SIZE", Some("g")).unwrap().stats_minute.sum, 600);
        assert_eq!(traffic.sums("GROUP_GET_SIZE", Some("h")), None);
        assert_eq!(traffic.sums("SOMETHING", None), None);
        assert_eq!(traffic.put_per_second(), 2.0);
        assert_eq!((traffic.got_per_second("g"), traffic.got_per_second("h")), (0.1, 0.0));
    }
}
