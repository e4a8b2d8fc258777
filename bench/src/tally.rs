//! What a load came to.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

/// In nanoseconds, to three digits.
type Latencies = Histogram<u64>;

/// What requests came to that were due in the measured time.
#[derive(Clone, Debug)]
pub struct Tally {
    /// The measured time.
    pub time: Duration,
    /// Nanoseconds from when a request was due until its answer, whatever that said. Of requests that nobody answered, the time
    /// that they had waited at the end, which is the least that it can have been.
    pub latency: Latencies,
    /// Nanoseconds from when a message was due until a poll brought it.
    pub end_to_end: Latencies,
    /// Nanoseconds from when a request was due until the generator wrote it: more than the scheduling of this machine means that
    /// all slots were taken.
    pub late: Latencies,
    /// Requests that were answered well within the measured time.
    pub answered: u64,
    /// Messages that pulls brought within the measured time.
    pub pulled: u64,
    /// Requests that were answered otherwise, by the code of the answer.
    pub refused: BTreeMap<i32, Failure>,
    /// Requests that were not answered.
    pub unanswered: u64,
    /// Requests that were due and not sent, since all slots were taken.
    pub unsent: u64,
    /// Connections that ended, with the reason of the first.
    pub lost: Failure,
    /// CPU time of this process, the generator.
    pub cpu: Duration,
}

/// Failures of one kind.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Failure {
    /// How many.
    pub count: u64,
    /// What was said of the first.
    pub first: String,
}

impl Failure {
    pub(crate) fn add(&mut self, why: impl FnOnce() -> String) {
        if self.count == 0 {
            self.first = why();
        }
        self.count += 1;
    }

    fn merge(&mut self, other: Self) {
        if self.count == 0 {
            self.first = other.first;
        }
        self.count += other.count;
    }
}

/// Longer waits are counted as this one.
const LONGEST: Duration = Duration::from_secs(120);

fn latencies() -> Latencies {
    let longest = u64::try_from(LONGEST.as_nanos()).unwrap_or(u64::MAX);
    Latencies::new_with_bounds(1, longest, 3).expect("1 to two minutes at three digits is a range")
}

impl Tally {
    /// Nothing yet.
    #[must_use]
    pub fn empty(time: Duration) -> Self {
        Self {
            time,
            latency: latencies(),
            end_to_end: latencies(),
            late: latencies(),
            answered: 0,
            pulled: 0,
            refused: BTreeMap::new(),
            unanswered: 0,
            unsent: 0,
            lost: Failure::default(),
            cpu: Duration::ZERO,
        }
    }

    /// Adds what another worker saw.
    pub(crate) fn merge(&mut self, other: Self) {
        let _ = self.latency.add(&other.latency);
        let _ = self.end_to_end.add(&other.end_to_end);
        let _ = self.late.add(&other.late);
        self.answered += other.answered;
        self.pulled += other.pulled;
        self.unanswered += other.unanswered;
        self.unsent += other.unsent;
        self.lost.merge(other.lost);
        for (code, failure) in other.refused {
            self.refused.entry(code).or_default().merge(failure);
        }
    }

    /// Answers a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.time.as_secs_f64()
    }

    /// Messages a second that pulls brought.
    #[must_use]
    pub fn pull_rate(&self) -> f64 {
        self.pulled as f64 / self.time.as_secs_f64()
    }

    /// Requests that came to nothing.
    #[must_use]
    pub fn failures(&self) -> u64 {
        let refused: u64 = self.refused.values().map(|failure| failure.count).sum();
        refused + self.unanswered + self.unsent + self.lost.count
    }

    /// A sentence for each kind of failure.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        let refused = self.refused.iter().map(|(code, failure)| {
            format!("{} were answered with code {code}; the first: {}", failure.count, failure.first)
        });
        let count = |count: u64, text: &str| (count > 0).then(|| format!("{count} {text}"));
        refused
            .chain(count(self.unanswered, "were not answered"))
            .chain(count(self.unsent, "were due and not sent, since all slots were taken"))
            .chain(count(self.lost.count, &format!("connections ended; the first: {}", self.lost.first)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_added_up_and_the_first_reason_stays() {
        let mut all = Tally::empty(Duration::from_secs(2));
        for (worker, why) in ["busy", "full"].into_iter().enumerate() {
            let mut tally = Tally::empty(Duration::from_secs(2));
            tally.answered = 10;
            tally.latency.record(1_000 * (worker as u64 + 1)).unwrap();
            tally.refused.entry(2).or_default().add(|| why.into());
            all.merge(tally);
        }
        assert_eq!((all.latency.len(), all.failures()), (2, 2));
        assert!((all.rate() - 10.0).abs() < f64::EPSILON);
        assert_eq!(all.troubles(), ["2 were answered with code 2; the first: busy"]);
    }
}
