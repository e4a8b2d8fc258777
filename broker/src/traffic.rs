//! How much goes into a topic, and from there to each group, over the last minute, hour and day (Apache: `BrokerStatsManager`,
//! `StatsItem`).

use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use smallvec::SmallVec;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

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

/// A window of a counter. It is looked at every so many looks, and goes from the oldest of so many of these to the newest.
struct Window {
    every: i64,
    most: i64,
}

const MINUTE: Window = Window { every: 1, most: 7 };
const HOUR: Window = Window { every: 60, most: 7 };
const DAY: Window = Window { every: 360, most: 25 };

impl Window {
    /// The newest of its looks that is not after `look`.
    fn newest(&self, look: i64) -> i64 {
        look - look.rem_euclid(self.every)
    }

    /// The oldest of its looks at the time of `look`.
    fn oldest(&self, look: i64) -> i64 {
        self.newest(look) - (self.most - 1) * self.every
    }
}

/// Messages and their bytes, with a memory.
#[derive(Debug, Default)]
struct Counter {
    messages: AtomicU64,
    bytes: AtomicU64,
    times: AtomicU64,
    /// None until something was counted.
    history: Mutex<Option<Box<History>>>,
}

/// What a counter was when it was looked at. There may be very many counters, most of which stay as they are: what is kept are the
/// looks that found it changed, as far as a window needs them.
#[derive(Debug)]
struct History {
    /// The first look.
    began: i64,
    /// The last.
    looked: i64,
    /// The oldest first.
    changes: SmallVec<[Change; 1]>,
}

#[derive(Clone, Copy, Debug)]
struct Change {
    look: i64,
    to: Counts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    messages: u64,
    bytes: u64,
    times: u64,
}

impl Counter {
    fn add(&self, messages: u64, bytes: u64) {
        self.messages.fetch_add(messages, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.times.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> Counts {
        let [messages, bytes, times] =
            [&self.messages, &self.bytes, &self.times].map(|count| count.load(Ordering::Relaxed));
        Counts { messages, bytes, times }
    }

    /// The `look`-th look at it.
    fn look(&self, look: i64) {
        let now = self.now();
        if now.times == 0 {
            return;
        }
        let mut history = self.history.lock();
        let new = || Box::new(History { began: look, looked: look, changes: SmallVec::new() });
        history.get_or_insert_with(new).look(look, now);
    }

    fn total(&self) -> (u64, u64) {
        let now = self.now();
        (now.messages, now.bytes)
    }

    fn sums(&self, of: impl Fn(&Counts) -> u64) -> Sums {
        let history = self.history.lock();
        let Some(history) = history.as_deref() else { return Sums::default() };
        let sum = |window| history.sum(&window, &of);
        Sums { stats_minute: sum(MINUTE), stats_hour: sum(HOUR), stats_day: sum(DAY) }
    }
}

impl History {
    fn look(&mut self, look: i64, now: Counts) {
        self.looked = look;
        let has_changed = self.changes.last().is_none_or(|last| last.to != now);
        if has_changed {
            self.forget_unneeded();
            self.changes.reserve_exact(1);
            self.changes.push(Change { look, to: now });
        } else if look % DAY.every == 0 {
            self.forget_unneeded();
            self.changes.shrink_to_fit();
        }
    }

    /// Keeps the changes that a window sees: at a look of its own before the next change.
    fn forget_unneeded(&mut self) {
        let mut until = self.looked + 1;
        let mut is_needed = |change: &Change| {
            let sees = |window: &Window| {
                let newest = window.newest(until - 1);
                newest >= change.look && newest >= window.oldest(self.looked)
            };
            let is_needed = [MINUTE, HOUR, DAY].iter().any(sees);
            until = change.look;
            is_needed
        };
        let mut needed: Vec<_> = self.changes.iter().rev().map(&mut is_needed).collect();
        self.changes.retain(|_| needed.pop().unwrap_or(true));
    }

    fn at(&self, look: i64) -> Counts {
        let change = self.changes.iter().rev().find(|change| change.look <= look);
        change.map_or_else(Counts::default, |change| change.to)
    }

    fn sum(&self, window: &Window, of: impl Fn(&Counts) -> u64) -> Sum {
        let newest = window.newest(self.looked);
        if newest < self.began {
            return Sum::default();
        }
        // It counts from 0, one look earlier, until there were enough.
        let oldest = window.oldest(self.looked);
        let oldest = if oldest >= self.began { oldest } else { self.began - window.every };
        let (first, last) = (self.at(oldest), self.at(newest));
        let (sum, times, ms) =
            (of(&last) - of(&first), last.times - first.times, (newest - oldest) * EVERY_MS);
        let per = |n: i64| if n > 0 { sum as f64 / n as f64 } else { 0.0 };
        Sum { sum, tps: per(ms) * 1000.0, avgpt: per(times as i64) }
    }
}

/// Upper bounds of the sizes that messages are counted by, in bytes of the stored record (Apache: `BrokerMetricsManager`).
pub(crate) const SIZES: [u64; 6] = [1 << 10, 4 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20];

/// What goes into a topic and out of it.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    put: Counter,
    /// Messages up to each of [`SIZES`], and larger ones.
    sizes: [AtomicU64; SIZES.len() + 1],
    /// None while there is nothing to say.
    groups: OnceLock<Box<Groups>>,
}

/// What has become of a topic's messages.
#[derive(Debug, Default)]
struct Groups {
    /// Transactions that ended so.
    committed: AtomicU64,
    rolled_back: AtomicU64,
    /// Messages that became dead letters, by group.
    dead: Mutex<BTreeMap<Box<str>, u64>>,
    got: RwLock<HashMap<Box<str>, Arc<Counter>>>,
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

    fn groups(&self) -> &Groups {
        self.groups.get_or_init(Box::default)
    }

    /// A message that the group could not consume became a dead letter.
    pub(crate) fn died(&self, group: &str) {
        *self.groups().dead.lock().entry(group.into()).or_default() += 1;
    }

    pub(crate) fn was_committed(&self) {
        self.groups().committed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn was_rolled_back(&self) {
        self.groups().rolled_back.fetch_add(1, Ordering::Relaxed);
    }

    /// Transactions that were committed and rolled back since the start.
    pub(crate) fn ended(&self) -> (u64, u64) {
        let Some(groups) = self.groups.get() else { return (0, 0) };
        (groups.committed.load(Ordering::Relaxed), groups.rolled_back.load(Ordering::Relaxed))
    }

    /// Dead letters since the start, by group.
    pub(crate) fn dead(&self) -> BTreeMap<Box<str>, u64> {
        self.groups.get().map(|groups| groups.dead.lock().clone()).unwrap_or_default()
    }

    fn got_by(&self, group: &str) -> Option<Arc<Counter>> {
        self.groups.get()?.got.read().get(group).cloned()
    }

    /// Messages up to each of [`SIZES`] since the start, without smaller ones, and larger ones.
    pub(crate) fn sizes(&self) -> Vec<(f64, u64)> {
        let bounds = SIZES.iter().map(|size| *size as f64).chain([f64::MAX]);
        bounds.zip(&self.sizes).map(|(bound, count)| (bound, count.load(Ordering::Relaxed))).collect()
    }

    pub(crate) fn got(&self, group: &str, messages: usize, bytes: usize) {
        let groups = self.groups();
        if let Some(got) = groups.got.read().get(group) {
            return got.add(messages as u64, bytes as u64);
        }
        let got = Arc::clone(groups.got.write().entry(group.into()).or_default());
        got.add(messages as u64, bytes as u64);
    }

    /// Messages and bytes put since the start.
    pub(crate) fn put_total(&self) -> (u64, u64) {
        self.put.total()
    }

    /// Messages and bytes that each group got since the start.
    pub(crate) fn got_total(&self) -> Vec<(Box<str>, u64, u64)> {
        let Some(groups) = self.groups.get() else { return Vec::new() };
        let got = groups.got.read();
        let totals = got.iter().map(|(group, got)| (group.clone(), got.total()));
        totals.map(|(group, (messages, bytes))| (group, messages, bytes)).collect()
    }

    /// The `look`-th look at all counters.
    pub(crate) fn look(&self, look: i64) {
        self.put.look(look);
        if let Some(groups) = self.groups.get() {
            groups.got.read().values().for_each(|got| got.look(look));
        }
    }

    /// Messages a second, over the last minute.
    pub(crate) fn put_per_second(&self) -> f64 {
        self.put.sums(|counts| counts.messages).stats_minute.tps
    }

    /// Messages a second that a group got, over the last minute.
    pub(crate) fn got_per_second(&self, group: &str) -> f64 {
        self.got_by(group).map_or(0.0, |got| got.sums(|counts| counts.messages).stats_minute.tps)
    }

    /// What Apache's tools call `name`; `None` for what is not counted, or has not been yet. `group`: for what a group got.
    pub(crate) fn sums(&self, name: &str, group: Option<&str>) -> Option<Sums> {
        let got = || self.got_by(group?);
        let sums = match name {
            "TOPIC_PUT_NUMS" => self.put.sums(|counts| counts.messages),
            "TOPIC_PUT_SIZE" => self.put.sums(|counts| counts.bytes),
            "GROUP_GET_NUMS" => got()?.sums(|counts| counts.messages),
            "GROUP_GET_SIZE" => got()?.sums(|counts| counts.bytes),
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
            traffic.look(look);
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

    /// Keeps what a counter was at each look.
    #[derive(Default)]
    struct All(Vec<(i64, Counts)>);

    impl All {
        fn sum(&self, window: &Window) -> Sum {
            let Some((began, _)) = self.0.first() else { return Sum::default() };
            let before = (began - window.every, Counts::default());
            let seen = self.0.iter().filter(|(look, _)| look % window.every == 0);
            let seen: Vec<_> = std::iter::once(&before).chain(seen).collect();
            let seen = &seen[seen.len().saturating_sub(window.most as usize)..];
            let ((from, first), (to, last)) = (seen[0], seen[seen.len() - 1]);
            let (sum, times, ms) =
                (last.bytes - first.bytes, last.times - first.times, (to - from) * EVERY_MS);
            let per = |n: i64| if n > 0 { sum as f64 / n as f64 } else { 0.0 };
            Sum { sum, tps: per(ms) * 1000.0, avgpt: per(times as i64) }
        }
    }

    #[test]
    fn what_is_kept_tells_as_much_as_all_looks_would() {
        let (counter, mut all) = (Counter::default(), All::default());
        for look in 1..=12_000 {
            // Busy, idle, busy now and then, idle for more than a day.
            if (130..400).contains(&look) || (look < 2_500 && look % 97 == 0) {
                counter.add(1, look as u64);
            }
            counter.look(look);
            if counter.now().times > 0 {
                all.0.push((look, counter.now()));
            }
            if look % 7 != 0 && look % 60 != 0 {
                continue;
            }
            let [stats_minute, stats_hour, stats_day] = [MINUTE, HOUR, DAY].map(|window| all.sum(&window));
            assert_eq!(
                counter.sums(|counts| counts.bytes),
                Sums { stats_minute, stats_hour, stats_day },
                "{look}"
            );
            let kept = counter.history.lock().as_ref().map_or(0, |history| history.changes.len());
            assert!(kept <= 40, "{look}: {kept}");
        }
        assert_eq!(counter.history.lock().as_ref().unwrap().changes.capacity(), 1, "after a day at rest");
    }
}
