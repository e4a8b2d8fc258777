//! How long the messages of a level have waited, whatever was done to the wall clock meanwhile.

use gantry_store::QueueOffset;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A message may come later than its delay by this part of it, when the clock was set back.
const PARTS: u32 = 100;

/// Where the queue of a level ended at some moments: what was before its end then waits at least since.
#[derive(Debug, Default)]
pub(super) struct Waited(VecDeque<(Instant, QueueOffset)>);

impl Waited {
    /// The queue ends at `end` now, and `next` is delivered next.
    pub(super) fn look(&mut self, now: Instant, next: QueueOffset, end: QueueOffset, delay: Duration) {
        while self.0.front().is_some_and(|(_, end)| *end <= next) {
            self.0.pop_front();
        }
        let is_known = |(at, known): &(Instant, QueueOffset)| {
            *known >= end || now.saturating_duration_since(*at) < delay / PARTS
        };
        if next < end && !self.0.back().is_some_and(is_known) {
            self.0.push_back((now, end));
        }
    }

    /// True when the message at `offset` has waited for `delay`. One that came just before a start is taken to have come with it.
    pub(super) fn is_over(&self, now: Instant, offset: QueueOffset, delay: Duration) -> bool {
        let seen = self.0.iter().find(|(_, end)| *end > offset);
        seen.is_some_and(|(at, _)| now.saturating_duration_since(*at) >= delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_waited_when_its_delay_has_passed_since_it_was_seen() {
        let (start, delay) = (Instant::now(), Duration::from_secs(10));
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut waited = Waited::default();
        let mut look = |ms, next, end| waited.look(at(ms), QueueOffset(next), QueueOffset(end), delay);
        look(0, 0, 0);
        look(100, 0, 2);
        look(150, 0, 3);
        look(250, 0, 3);
        let over = |waited: &Waited, ms, offset| waited.is_over(at(ms), QueueOffset(offset), delay);
        assert!(!over(&waited, 10_099, 0) && over(&waited, 10_100, 1));
        assert!(!over(&waited, 10_200, 2), "it was seen later");
        assert!(over(&waited, 10_250, 2));
        assert!(!over(&waited, 99_999, 3), "it was never seen");
        waited.look(at(300), QueueOffset(3), QueueOffset(3), delay);
        assert!(waited.0.is_empty());
    }

    #[test]
    fn little_is_remembered() {
        let (start, delay) = (Instant::now(), Duration::from_secs(7200));
        let mut waited = Waited::default();
        for n in 0..72_000 {
            let now = start + Duration::from_millis(100 * n);
            waited.look(now, QueueOffset(0), QueueOffset(n as i64), delay);
        }
        assert!(waited.0.len() <= 101, "{}", waited.0.len());
    }
}
