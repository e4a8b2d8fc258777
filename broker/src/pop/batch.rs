//! What a group was given of a queue in order: the next are given when these are acknowledged, or their time is over (Apache:
//! `ConsumerOrderInfoManager.OrderInfo`).

use super::handle::Lists;
use crate::clock::{Due, Moment};

/// Messages given together, the first first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Whoever asks with the same again has not got the answer.
    attempt: Option<Box<str>>,
    pop_time: i64,
    given: Vec<Given>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Given {
    offset: i64,
    /// It is given again from then on.
    visible: Due,
    is_acked: bool,
    /// How often it was given before.
    times: i32,
}

impl Batch {
    /// The messages at `offsets` are given, after those of `before`.
    pub(crate) fn new(
        before: Option<&Self>,
        attempt: Option<&str>,
        now: Moment,
        invisible: i64,
        offsets: &[i64],
    ) -> Self {
        let times = |offset: i64| {
            let Some(before) = before else { return 0 };
            let given = before.given.iter().find(|given| given.offset == offset);
            given.map_or(0, |given| given.times + i32::from(!before.is_attempt(attempt)))
        };
        let visible = Due::after(now, invisible);
        let given = |offset: &i64| Given { offset: *offset, visible, is_acked: false, times: times(*offset) };
        Self {
            attempt: attempt.map(Into::into),
            pop_time: now.wall,
            given: offsets.iter().map(given).collect(),
        }
    }

    fn is_attempt(&self, attempt: Option<&str>) -> bool {
        attempt.is_some() && self.attempt.as_deref() == attempt
    }

    /// True while nobody may be given more of the queue.
    pub(crate) fn blocks(&self, attempt: Option<&str>, now: Moment) -> bool {
        let is_hidden = |given: &Given| !given.is_acked && !given.visible.has_come(now);
        !self.is_attempt(attempt) && self.given.iter().any(is_hidden)
    }

    /// Acknowledges a message given at `pop_time`. Gives where the group stands now; `None` when it was not given then.
    pub(crate) fn ack(&mut self, offset: i64, pop_time: i64) -> Option<i64> {
        self.find(offset, pop_time)?.is_acked = true;
        let first_left = self.given.iter().find(|given| !given.is_acked);
        let end = self.given.last().map(|last| last.offset + 1);
        first_left.map(|given| given.offset).or(end)
    }

    /// Has a message be given again from `visible` on; false when it was not given at `pop_time`.
    pub(crate) fn hide(&mut self, offset: i64, pop_time: i64, visible: Due) -> bool {
        let found = self.find(offset, pop_time);
        found.is_some_and(|given| {
            given.visible = visible;
            true
        })
    }

    fn find(&mut self, offset: i64, pop_time: i64) -> Option<&mut Given> {
        let is_this = self.pop_time == pop_time;
        self.given.iter_mut().find(|given| is_this && given.offset == offset)
    }

    /// Tells how often its messages were given before.
    pub(crate) fn tell_times(&self, queue: i32, lists: &mut Lists) {
        let again: Vec<_> = self
            .given
            .iter()
            .filter(|given| given.times > 0)
            .map(|given| (given.offset, given.times))
            .collect();
        let least = self.given.iter().map(|given| given.times).min().unwrap_or(0);
        lists.add_times(queue, &again, least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn at(wall: i64) -> Moment {
        // Both clocks go on evenly.
        static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
        Moment { wall, steady: *START + Duration::from_millis(wall as u64) }
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_block_a_queue() {
        let batch = Batch::new(None, None, at(3_600_000), 50, &[3]);
        let back = |ms: i64| Moment { wall: 100, ..at(3_600_000 + ms) };
        assert!(batch.blocks(None, back(49)) && !batch.blocks(None, back(50)));
    }

    #[test]
    fn the_next_are_given_when_these_are_acknowledged() {
        let mut batch = Batch::new(None, Some("a"), at(100), 50, &[3, 4, 6]);
        assert!(batch.blocks(None, at(149)) && batch.blocks(Some("b"), at(149)));
        assert!(!batch.blocks(Some("a"), at(149)), "it has not got the answer");
        assert!(!batch.blocks(None, at(150)), "time is over");
        assert_eq!(batch.ack(4, 100), Some(3));
        assert_eq!(batch.ack(3, 99), None, "given at another time");
        assert_eq!(batch.ack(5, 100), None);
        assert_eq!(batch.ack(3, 100), Some(6));
        assert_eq!(batch.ack(6, 100), Some(7));
        assert!(!batch.blocks(None, at(100)));
    }

    #[test]
    fn a_message_may_be_hidden_for_longer() {
        let mut batch = Batch::new(None, None, at(100), 50, &[3, 4]);
        assert!(batch.hide(3, 100, Due::at(500)) && !batch.hide(9, 100, Due::at(500)));
        assert!(batch.blocks(None, at(499)) && !batch.blocks(None, at(500)));
    }

    #[test]
    fn how_often_they_were_given_is_counted() {
        let first = Batch::new(None, Some("a"), at(100), 50, &[3, 4]);
        let again = Batch::new(Some(&first), Some("a"), at(110), 50, &[3, 4]);
        let second = Batch::new(Some(&again), Some("b"), at(200), 50, &[3, 4, 5]);
        let mut lists = Lists::default();
        again.tell_times(1, &mut lists);
        assert_eq!(lists.times, "0 1 0", "the same attempt");
        let mut lists = Lists::default();
        second.tell_times(1, &mut lists);
        assert_eq!(lists.times, "0 qo1%3 1;0 qo1%4 1;0 1 0");
        let mut lists = Lists::default();
        Batch::new(Some(&second), None, at(300), 50, &[3, 4]).tell_times(1, &mut lists);
        assert_eq!(lists.times, "0 qo1%3 2;0 qo1%4 2;0 1 2");
    }
}
