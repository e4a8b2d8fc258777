//! Where keys go when the list of a topic's queues changes: the verdict on a change over one or more brokers.
//!
//! A client chooses `hash(key) mod n` from a list of all writable queues. Java sorts the list by broker name, then queue id
//! (`MQClientInstance.topicRouteData2TopicPublishInfo`); older Go clients take the brokers in the route's order.

use std::collections::HashSet;

/// A queue of a topic: its broker's name and its id there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueRef {
    /// The broker's name.
    pub broker: String,
    /// The queue's id on it.
    pub queue: i32,
}

/// What a change of the list does to keys.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Share of keys that go to another queue, 0 to 1.
    pub moved: f64,
    /// Share of keys that go to another queue which could be read before: no gate in front of new queues helps them.
    pub moved_into_old: f64,
    /// Every queue that takes keys over takes them from queues of its own broker.
    pub is_local: bool,
}

impl Verdict {
    /// True when gates in front of the new queues of each broker keep every key in order.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.moved_into_old == 0.0 && self.is_local
    }
}

/// The list of a topic with so many queues on each broker, in the order given.
#[must_use]
pub fn list<'a>(brokers: impl IntoIterator<Item = (&'a str, i32)>) -> Vec<QueueRef> {
    let queues = |(broker, count): (&str, i32)| {
        let broker = broker.to_owned();
        (0..count).map(move |queue| QueueRef { broker: broker.clone(), queue })
    };
    brokers.into_iter().flat_map(queues).collect()
}

/// The same, as Java's client sorts it.
#[must_use]
pub fn sorted_list<'a>(brokers: impl IntoIterator<Item = (&'a str, i32)>) -> Vec<QueueRef> {
    let mut list = list(brokers);
    list.sort();
    list
}

/// Judges the change from one list to another, for keys whose hashes are spread evenly.
#[must_use]
pub fn judge(before: &[QueueRef], after: &[QueueRef]) -> Verdict {
    if before.is_empty() || after.is_empty() {
        return Verdict { is_local: true, ..Verdict::default() };
    }
    let old: HashSet<&QueueRef> = before.iter().collect();
    // A hash's places in both lists repeat with the least common multiple of the lengths. Within it each pair of places
    // that leave the same rest by the greatest common divisor meets once.
    let divisor = divisor(before.len(), after.len());
    let (mut pairs, mut moved, mut into_old, mut is_local) = (0_u64, 0_u64, 0_u64, true);
    for (at, from) in before.iter().enumerate() {
        for to in after.iter().skip(at % divisor).step_by(divisor) {
            pairs += 1;
            if from == to {
                continue;
            }
            moved += 1;
            into_old += u64::from(old.contains(to));
            is_local &= from.broker == to.broker;
        }
    }
    let share = |count: u64| count as f64 / pairs as f64;
    Verdict { moved: share(moved), moved_into_old: share(into_old), is_local }
}

fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn java(brokers: &[(&str, i32)]) -> Vec<QueueRef> {
        sorted_list(brokers.iter().copied())
    }

    #[test]
    fn the_table_that_was_measured_with_real_clients() {
        let judged = |before: &[(&str, i32)], after: &[(&str, i32)]| {
            let verdict = judge(&java(before), &java(after));
            let percent = |share: f64| (share * 100.0).round() as i32;
            (percent(verdict.moved), percent(verdict.moved_into_old), verdict.is_safe())
        };
        assert_eq!(judged(&[("a", 4)], &[("a", 8)]), (50, 0, true));
        assert_eq!(judged(&[("a", 4)], &[("a", 6)]), (67, 33, false));
        assert_eq!(judged(&[("a", 4), ("b", 4)], &[("a", 8), ("b", 8)]), (75, 25, false));
        assert_eq!(
            judged(&[("a", 4), ("b", 4)], &[("a", 12), ("b", 12)]),
            (67, 0, false),
            "parents elsewhere"
        );
        assert_eq!(judged(&[("a", 4), ("b", 4), ("c", 4)], &[("a", 8), ("b", 8), ("c", 8)]), (83, 33, false));
        assert_eq!(judged(&[("a", 4), ("b", 4)], &[("a", 8), ("b", 4)]), (67, 33, false));
        assert_eq!(judged(&[("a", 4)], &[("a", 4), ("b", 4)]), (50, 0, false));
    }

    /// Every hash up to a common multiple of both lengths, one by one.
    fn by_force(before: &[QueueRef], after: &[QueueRef]) -> (u64, u64, u64, bool) {
        let (mut moved, mut into_old, mut is_local) = (0, 0, true);
        let all = before.len() * after.len();
        for hash in 0..all {
            let (from, to) = (&before[hash % before.len()], &after[hash % after.len()]);
            if from != to {
                moved += 1;
                into_old += u64::from(before.contains(to));
                is_local &= from.broker == to.broker;
            }
        }
        (all as u64, moved, into_old, is_local)
    }

    fn brokers() -> impl Strategy<Value = Vec<(&'static str, i32)>> {
        let count = prop::option::of(1..13_i32);
        (count.clone(), count.clone(), count, prop::bool::ANY).prop_filter_map(
            "no queue",
            |(a, b, c, turned)| {
                let mut brokers: Vec<_> =
                    [("a", a), ("b", b), ("c", c)].into_iter().filter_map(|(n, q)| Some((n, q?))).collect();
                if turned {
                    brokers.reverse();
                }
                (!brokers.is_empty()).then_some(brokers)
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        /// For lists in Java's order and in the route's own, as Go's older clients take it.
        #[test]
        fn the_verdict_is_that_of_trying_every_hash(before in brokers(), after in brokers(), sorted: bool) {
            let of = |brokers: &[(&'static str, i32)]| {
                if sorted { sorted_list(brokers.iter().copied()) } else { list(brokers.iter().copied()) }
            };
            let (before, after) = (of(&before), of(&after));
            let (all, moved, into_old, is_local) = by_force(&before, &after);
            let verdict = judge(&before, &after);
            prop_assert!((verdict.moved - moved as f64 / all as f64).abs() < 1e-9);
            prop_assert!((verdict.moved_into_old - into_old as f64 / all as f64).abs() < 1e-9);
            prop_assert_eq!(verdict.is_local, is_local);
        }

        /// One broker: what the begin of a scale takes is what moves no key between queues in use, and nothing else.
        #[test]
        fn one_broker_grows_in_order_by_multiples_only(from in 1..40_i32, to in 1..80_i32) {
            let verdict = judge(&list([("a", from)]), &list([("a", to)]));
            let grows_in_order = to >= from && crate::begin::is_multiple(from, to);
            if to >= from {
                prop_assert_eq!(verdict.is_safe(), grows_in_order);
            }
        }
    }
}
