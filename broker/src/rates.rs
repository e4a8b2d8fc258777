//! Counts per second over three windows, as the tools print them: `10s 1m 10m`.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A counter whose rate is asked for.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    count: AtomicU64,
    samples: Mutex<VecDeque<(Instant, u64)>>,
}

/// The longest of some durations. Every 64th is measured: two looks at the clock are not free on the hot path.
#[derive(Debug, Default)]
pub(crate) struct Slowest {
    count: AtomicU64,
    micros: AtomicU64,
}

impl Slowest {
    pub(crate) fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        if !self.count.fetch_add(1, Ordering::Relaxed).is_multiple_of(64) {
            return work();
        }
        let start = Instant::now();
        let result = work();
        self.micros.fetch_max(start.elapsed().as_micros() as u64, Ordering::Relaxed);
        result
    }

    /// In whole milliseconds, as Apache tells it.
    pub(crate) fn millis(&self) -> u64 {
        self.micros.load(Ordering::Relaxed) / 1000
    }
}

const WINDOWS: [u64; 3] = [10, 60, 600];

impl Rate {
    pub(crate) fn add(&self, n: u64) {
        self.count.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn total(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Remembers the count; called about once a second.
    pub(crate) fn sample(&self, now: Instant) {
        let mut samples = self.samples.lock();
        samples.push_back((now, self.total()));
        while samples.len() > WINDOWS[2] as usize + 2 {
            samples.pop_front();
        }
    }

    /// Per second over the last 10 s, minute and 10 minutes, or what there is of them.
    pub(crate) fn per_second(&self, now: Instant) -> [f64; 3] {
        let (samples, total) = (self.samples.lock(), self.total());
        WINDOWS.map(|window| {
            let from = samples.iter().find(|(at, _)| now.duration_since(*at).as_secs() <= window);
            let Some((at, before)) = from else { return 0.0 };
            let seconds = now.duration_since(*at).as_secs_f64();
            if seconds < 0.5 { 0.0 } else { (total - before) as f64 / seconds }
        })
    }

    /// Three numbers separated by blanks: the form that mqadmin and the dashboard split.
    pub(crate) fn text(&self, now: Instant) -> String {
        let [a, b, c] = self.per_second(now);
        format!("{a} {b} {c}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_rate_is_over_its_window() {
        let (rate, start) = (Rate::default(), Instant::now());
        assert_eq!(rate.text(start), "0 0 0");
        for second in 0..100 {
            rate.sample(start + Duration::from_secs(second));
            rate.add(if second >= 90 { 100 } else { 10 });
        }
        let [ten, minute, all] = rate.per_second(start + Duration::from_secs(100));
        assert_eq!(ten.round(), 100.0);
        assert_eq!(minute.round(), 25.0);
        assert_eq!(all.round(), 19.0);
    }
}
