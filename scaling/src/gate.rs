//! The gate rule: how far a consumer group may read a queue.
//!
//! After a flip, what came to queue `b` may have predecessors in the queues where its keys were before. So a group reads
//! `b` beyond its fence only when it has consumed each such parent `a` up to *its* fence, and when `a` itself was open to
//! it at every earlier flip: a parent that was empty at the flip passes for nothing, while the messages before may lie one
//! scale further back.

use crate::{Flip, ScaleId, TopicScaling};
use gantry_message::QueueOffset;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How far a group is, and what queues still have.
pub trait Progress {
    /// The offset that the group goes on from; 0 when it has committed none.
    fn consumed(&self, queue: i32) -> QueueOffset;
    /// The first offset that the queue still has: what lay before was deleted for its age.
    fn first(&self, queue: i32) -> QueueOffset;

    /// Messages of the queue before `fence` that the group has still to consume.
    fn left(&self, queue: i32, fence: QueueOffset) -> i64 {
        (fence - self.consumed(queue).max(self.first(queue))).max(0)
    }
}

/// How far a group may read a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Up to here, exclusive; `None` is no limit.
    pub limit: Option<QueueOffset>,
    /// Fences that the group has passed for this and that are not on record yet. It may be given what lies behind them only
    /// when they are: a crash must not bring it back before them.
    pub unrecorded: Vec<Passage>,
}

/// A fence that a group has passed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Passage {
    /// The scale.
    pub id: ScaleId,
    /// The queue that was consumed up to its fence.
    pub queue: i32,
}

impl TopicScaling {
    /// How far `group` may read `queue`.
    #[must_use]
    pub fn gate(&self, group: &str, queue: i32, progress: &impl Progress) -> Gate {
        let mut gates = self.gates(group, progress);
        let limit = gates.limit(queue);
        let mut unrecorded = gates.unrecorded;
        unrecorded.sort();
        Gate { limit, unrecorded }
    }

    /// All gates in front of a group, as it stands now.
    #[must_use]
    pub fn gates<'a, P: Progress>(&'a self, group: &str, progress: &'a P) -> Gates<'a, P> {
        let recorded = self.passed.get(group);
        Gates { state: self, recorded, progress, known: HashMap::new(), unrecorded: Vec::new() }
    }

    /// How many messages a group has still to consume before every queue is open to it.
    #[must_use]
    pub fn remaining(&self, progress: &impl Progress) -> i64 {
        let mut furthest: BTreeMap<i32, QueueOffset> = BTreeMap::new();
        for (at, flip) in self.flips.iter().enumerate() {
            for queue in self.sources(at) {
                let fence = furthest.entry(queue).or_default();
                *fence = flip.fence(queue).max(*fence);
            }
        }
        furthest.into_iter().map(|(queue, fence)| progress.left(queue, fence)).sum()
    }
}

/// The gates in front of one group. What is found for one queue serves the others.
#[derive(Debug)]
pub struct Gates<'a, P> {
    state: &'a TopicScaling,
    recorded: Option<&'a BTreeMap<ScaleId, BTreeSet<i32>>>,
    progress: &'a P,
    /// By flip and rest. All queues of one rest wait for the same queues, except each for itself: so it is enough to
    /// know whether one, and which, or more hold the others up.
    known: HashMap<(usize, i32), HeldUp>,
    unrecorded: Vec<Passage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeldUp {
    ByNobody,
    By(i32),
    BySeveral,
}

impl<P: Progress> Gates<'_, P> {
    /// Up to where the group may read a queue, exclusive; `None` is no limit.
    pub fn limit(&mut self, queue: i32) -> Option<QueueOffset> {
        // The oldest gate that is closed holds first: fences of a queue never fall from flip to flip.
        let closed = (0..self.state.flips.len()).find(|at| !self.is_open(*at, queue))?;
        self.state.flips.get(closed).map(|flip| flip.fence(queue))
    }

    fn is_open(&mut self, at: usize, queue: i32) -> bool {
        let Some(flip) = self.state.flips.get(at).filter(|flip| queue < flip.to) else { return true };
        match self.held_up(at, flip, flip.rest(queue)) {
            HeldUp::ByNobody => true,
            HeldUp::By(one) => one == queue,
            HeldUp::BySeveral => false,
        }
    }

    fn held_up(&mut self, at: usize, flip: &Flip, rest: i32) -> HeldUp {
        if let Some(known) = self.known.get(&(at, rest)) {
            return *known;
        }
        let mut found = HeldUp::ByNobody;
        for queue in flip.sources_of(rest) {
            let passed = self.state.is_given_up_since(at, queue) || self.has_passed(flip, queue);
            if !(passed && (0..at).all(|earlier| self.is_open(earlier, queue))) {
                found = if found == HeldUp::ByNobody { HeldUp::By(queue) } else { HeldUp::BySeveral };
            }
            if found == HeldUp::BySeveral {
                break;
            }
        }
        self.known.insert((at, rest), found);
        found
    }

    fn has_passed(&mut self, flip: &Flip, queue: i32) -> bool {
        // Who is set back has it taken from the record.
        if self.recorded.and_then(|passed| passed.get(&flip.id)).is_some_and(|queues| queues.contains(&queue))
        {
            return true;
        }
        let fence = flip.fence(queue);
        if self.progress.first(queue) >= fence {
            return true;
        }
        let passed = self.progress.consumed(queue) >= fence;
        if passed {
            self.unrecorded.push(Passage { id: flip.id.clone(), queue });
        }
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;

    struct At(Vec<i64>);

    impl Progress for At {
        fn consumed(&self, queue: i32) -> QueueOffset {
            QueueOffset(self.0.get(queue as usize).copied().unwrap_or(0))
        }
        fn first(&self, _: i32) -> QueueOffset {
            QueueOffset(0)
        }
    }

    fn id(text: &str) -> ScaleId {
        ScaleId::new(text).unwrap()
    }

    fn state(flips: &[(&str, i32, i32, &[i64])]) -> TopicScaling {
        let mut state = TopicScaling::default();
        for (name, from, to, fences) in flips {
            let fences = fences.iter().map(|fence| QueueOffset(*fence)).collect();
            let modulus = *from.min(to);
            state.apply(&Event::Flipped {
                id: id(name),
                from: *from,
                to: *to,
                modulus,
                fences,
                at: 0,
                key: None,
                by_hand: false,
            });
        }
        state
    }

    fn limit(state: &TopicScaling, queue: i32, at: &[i64]) -> Option<i64> {
        state.gate("g", queue, &At(at.to_vec())).limit.map(|limit| limit.0)
    }

    #[test]
    fn a_child_opens_when_its_parent_is_consumed_to_the_fence() {
        let state = state(&[("a", 2, 4, &[10, 20, 0, 0])]);
        assert_eq!(limit(&state, 3, &[10, 19]), Some(0));
        assert_eq!(limit(&state, 3, &[0, 20]), None, "the other parent does not count");
        assert_eq!(limit(&state, 0, &[0, 0]), None, "parents are always open");
    }

    #[test]
    fn an_empty_queue_in_the_middle_does_not_open_what_lies_further_back() {
        // 1 to 2 to 4: queue 1 was empty at the second flip, so queue 3 has nothing to wait for there, but its keys were
        // in queue 0 before.
        let state = state(&[("a", 1, 2, &[10, 0]), ("b", 2, 4, &[12, 0, 0, 0])]);
        assert_eq!(limit(&state, 3, &[9, 0]), Some(0));
        assert_eq!(limit(&state, 3, &[10, 0]), None);
        assert_eq!(limit(&state, 2, &[10, 0]), Some(0), "its parent 0 has to be consumed to 12");
        assert_eq!(limit(&state, 2, &[12, 0]), None);
    }

    #[test]
    fn with_fewer_queues_those_that_stay_are_cut_at_their_fence() {
        let state = state(&[("a", 4, 2, &[10, 20, 30, 40])]);
        assert_eq!(limit(&state, 0, &[0, 0, 29, 0]), Some(10));
        assert_eq!(limit(&state, 0, &[0, 0, 30, 0]), None);
        assert_eq!(limit(&state, 2, &[0; 4]), None, "what goes is read to its end");
    }

    #[test]
    fn what_is_not_on_record_is_told() {
        let mut state = state(&[("a", 2, 4, &[10, 20, 0, 0]), ("b", 4, 8, &[10, 20, 0, 5, 0, 0, 0, 0])]);
        let gate = |state: &TopicScaling, at: &[i64]| state.gate("g", 7, &At(at.to_vec()));
        let found = gate(&state, &[0, 20, 0, 5]);
        assert_eq!(found.limit, None);
        assert_eq!(found.unrecorded, [Passage { id: id("a"), queue: 1 }, Passage { id: id("b"), queue: 3 }]);
        state.apply(&Event::Passed { id: id("a"), group: "g".into(), queues: vec![1] });
        state.apply(&Event::Passed { id: id("b"), group: "g".into(), queues: vec![3] });
        assert_eq!(gate(&state, &[0, 20, 0, 5]), Gate { limit: None, unrecorded: vec![] });
        state.apply(&Event::WentBack { group: "g".into(), queue: 1, offset: QueueOffset(3) });
        assert_eq!(gate(&state, &[0, 3, 0, 5]).limit, Some(QueueOffset(0)), "set back: closed again");
    }

    #[test]
    fn many_stacked_scales_are_looked_at_once_each() {
        let flips: Vec<_> = (0..60).map(|n| if n % 2 == 0 { (16, 32) } else { (32, 16) }).collect();
        let mut state = TopicScaling::default();
        for (n, (from, to)) in flips.into_iter().enumerate() {
            let fences = vec![QueueOffset(n as i64 + 1); 32];
            state.apply(&Event::Flipped {
                id: id(&format!("s{n}")),
                from,
                to,
                modulus: 16,
                fences,
                at: 0,
                key: None,
                by_hand: false,
            });
        }
        // Without remembering answers this would take 2^60 steps.
        assert_eq!(limit(&state, 20, &[1000; 32]), None);
        assert_eq!(limit(&state, 20, &[0; 32]), Some(1));
    }

    #[test]
    fn queues_that_all_wait_for_each_other_are_looked_at_once_each() {
        use std::cell::Cell;
        struct Counted(Cell<usize>);
        impl Progress for Counted {
            fn consumed(&self, _: i32) -> QueueOffset {
                self.0.set(self.0.get() + 1);
                QueueOffset(1000)
            }
            fn first(&self, _: i32) -> QueueOffset {
                QueueOffset(0)
            }
        }
        let mut state = TopicScaling::default();
        for (n, (from, to)) in [(256, 256), (256, 257), (257, 255)].into_iter().enumerate() {
            let fences = vec![QueueOffset(n as i64 + 1); 257];
            let id = id(&format!("s{n}"));
            state.apply(&Event::Flipped {
                id,
                from,
                to,
                modulus: 1,
                fences,
                at: 0,
                key: None,
                by_hand: false,
            });
        }
        let counted = Counted(Cell::new(0));
        let mut gates = state.gates("g", &counted);
        assert!((0..255).all(|queue| gates.limit(queue).is_none()));
        assert!(counted.0.get() <= 3 * 257, "{}", counted.0.get());
    }
}
