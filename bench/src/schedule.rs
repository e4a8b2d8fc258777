//! When requests are due.

use std::time::Duration;

/// Requests in equal steps of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// Nanoseconds between two.
    step: f64,
    /// When the first is due, in nanoseconds of the run.
    first: f64,
    issued: u64,
}

/// Shorter than this a timer costs more than it tells: requests that are due within it go out together.
const SHORTEST_TICK: Duration = Duration::from_micros(20);

impl Schedule {
    /// One worker's share of so many a second; workers take turns, so that together they are even.
    pub(crate) fn new(rate: f64, worker: usize, workers: usize) -> Self {
        let step_of_all = 1e9 / rate;
        Self { step: step_of_all * workers as f64, first: step_of_all * worker as f64, issued: 0 }
    }

    /// When the next one is due.
    pub(crate) fn due(&self) -> u64 {
        (self.first + self.step * self.issued as f64) as u64
    }

    /// The next one goes out.
    pub(crate) fn advance(&mut self) {
        self.issued += 1;
    }

    /// How often to look. Rounded up: whoever looks too early finds nothing, and sends a whole step late.
    pub(crate) fn tick(&self) -> Duration {
        Duration::from_nanos(self.step.ceil() as u64).max(SHORTEST_TICK)
    }

    /// How long from `now`, in nanoseconds of the run, until one of all requests is due, sent or not: when to look first.
    pub(crate) fn until_due(&self, now: u64) -> Duration {
        let now = now as f64;
        let next = ((now - self.first) / self.step).floor() + 1.0;
        Duration::from_nanos((self.first + self.step * next - now).ceil() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_together_are_even() {
        let mut dues = Vec::new();
        for worker in 0..3 {
            let mut schedule = Schedule::new(1_000.0, worker, 3);
            for _ in 0..10 {
                dues.push(schedule.due());
                schedule.advance();
            }
        }
        dues.sort_unstable();
        assert_eq!(dues, (0..30).map(|n| n * 1_000_000).collect::<Vec<_>>());
    }

    #[test]
    fn looks_fall_on_what_is_due() {
        let schedule = Schedule::new(200.0, 0, 1);
        let until = |now| schedule.until_due(now).as_nanos();
        assert_eq!(
            [until(0), until(1), until(4_999_999), until(5_000_000)],
            [5_000_000, 4_999_999, 1, 5_000_000]
        );
        let second = Schedule::new(200.0, 1, 2);
        assert_eq!(second.until_due(0).as_nanos(), 5_000_000);
        assert_eq!(second.until_due(5_000_000).as_nanos(), 10_000_000);
    }

    #[test]
    fn rounding_does_not_add_up() {
        let mut schedule = Schedule::new(30_000.0, 0, 1);
        (0..30_000 * 60).for_each(|_| schedule.advance());
        assert_eq!(schedule.due(), 60_000_000_000);
        assert_eq!(Schedule::new(1e9, 0, 1).tick(), SHORTEST_TICK);
    }
}
