//! Which transactions have not ended: a book kept beside two queues of the log, and found again from them.
//!
//! A half message gets the next offset of the half queue. A mark in the other queue says of halves that their transactions
//! ended, or that their producers were asked. What lies before [`Pending::positions`] is of no use any more: a start reads from
//! there on.

use gantry_store::{PhysicalOffset, QueueOffset};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

/// A half message whose transaction has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Half {
    pub(super) place: PhysicalOffset,
    /// Milliseconds since the epoch: its producer is asked then, if it has said nothing.
    pub(super) ask_at: i64,
    /// How often producers were asked.
    pub(super) asked: u32,
}

/// What a mark says of the halves that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Committed, rolled back, or given up.
    Ended,
    /// A producer was asked.
    Asked,
}

/// The transactions that have not ended.
#[derive(Debug, Default)]
pub(super) struct Pending {
    halves: BTreeMap<QueueOffset, Half>,
    /// The same by `ask_at`: appends wait for whoever looks, who therefore must not look at all of them.
    by_time: BTreeSet<(i64, QueueOffset)>,
    /// Halves that are being ended at this moment: nobody else may.
    ending: HashSet<QueueOffset>,
    next_half: QueueOffset,
    next_mark: QueueOffset,
    /// Marks that a start still needs, each with the last half that it names.
    marks: VecDeque<(QueueOffset, QueueOffset)>,
}

impl Pending {
    /// A half was appended.
    pub(super) fn prepared(&mut self, offset: QueueOffset, half: Half) {
        self.halves.insert(offset, half);
        self.by_time.insert((half.ask_at, offset));
        self.next_half = offset + 1;
    }

    /// Claims a half, to end its transaction; false when it has ended, or somebody is about to end it.
    pub(super) fn claim(&mut self, offset: QueueOffset) -> bool {
        self.halves.contains_key(&offset) && self.ending.insert(offset)
    }

    /// Gives a claimed half back: its transaction could not be ended now.
    pub(super) fn release(&mut self, offset: QueueOffset) {
        self.ending.remove(&offset);
    }

    /// The mark at `mark` was appended, by which the transaction of `offset` has ended.
    pub(super) fn ended(&mut self, offset: QueueOffset, mark: QueueOffset) {
        self.marked(mark, offset);
        self.forget(offset);
    }

    /// Drops a half that is not in the log any more.
    pub(super) fn forget(&mut self, offset: QueueOffset) {
        self.ending.remove(&offset);
        if let Some(half) = self.halves.remove(&offset) {
            self.by_time.remove(&(half.ask_at, offset));
        }
    }

    /// The mark at `mark` was appended: the producers of these halves were asked. The next time is `ask_at`.
    pub(super) fn asked(&mut self, offsets: &[QueueOffset], mark: QueueOffset, ask_at: i64) {
        for offset in offsets {
            if let Some(half) = self.halves.get_mut(offset) {
                self.by_time.remove(&(half.ask_at, *offset));
                half.asked += 1;
                half.ask_at = ask_at;
                self.by_time.insert((ask_at, *offset));
            }
        }
        if let Some(last) = offsets.iter().max() {
            self.marked(mark, *last);
        }
    }

    fn marked(&mut self, mark: QueueOffset, last: QueueOffset) {
        self.marks.push_back((mark, last));
        self.next_mark = mark + 1;
    }

    /// Halves whose time has come, the first to come first.
    pub(super) fn due(&self, now: i64) -> Vec<(QueueOffset, Half)> {
        let due = self.by_time.range(..=(now, QueueOffset(i64::MAX))).map(|(_, offset)| offset);
        let due = due.filter(|offset| !self.ending.contains(offset));
        due.filter_map(|offset| Some((*offset, *self.halves.get(offset)?))).collect()
    }

    /// From where on a start has to read halves and marks.
    pub(super) fn positions(&mut self) -> (QueueOffset, QueueOffset) {
        let first = self.halves.keys().next().copied().unwrap_or(self.next_half);
        while self.marks.front().is_some_and(|(_, last)| *last < first) {
            self.marks.pop_front();
        }
        (first, self.marks.front().map_or(self.next_mark, |(mark, _)| *mark))
    }

    pub(super) fn len(&self) -> usize {
        self.halves.len()
    }
}

/// A start: all marks are read, then all halves.
#[derive(Debug, Default)]
pub(super) struct Resume {
    pending: Pending,
    ended: HashSet<QueueOffset>,
    asked: HashMap<QueueOffset, u32>,
}

impl Resume {
    /// Reading begins here.
    pub(super) fn from(half: QueueOffset, mark: QueueOffset) -> Self {
        let pending = Pending { next_half: half, next_mark: mark, ..Pending::default() };
        Self { pending, ..Self::default() }
    }

    /// The next mark; `None` for one that says nothing.
    pub(super) fn mark(&mut self, at: QueueOffset, mark: Option<(Mark, Vec<QueueOffset>)>) {
        self.pending.next_mark = at + 1;
        let Some((mark, offsets)) = mark else { return };
        if let Some(last) = offsets.iter().max() {
            self.pending.marked(at, *last);
        }
        match mark {
            Mark::Ended => self.ended.extend(offsets),
            Mark::Asked => offsets.into_iter().for_each(|offset| *self.asked.entry(offset).or_default() += 1),
        }
    }

    /// The next half; `None` for one that is not in the log any more.
    pub(super) fn half(&mut self, at: QueueOffset, half: Option<Half>) {
        self.pending.next_half = at + 1;
        if let Some(half) = half.filter(|_| !self.ended.contains(&at)) {
            let asked = half.asked + self.asked.get(&at).copied().unwrap_or(0);
            self.pending.prepared(at, Half { asked, ..half });
        }
    }

    pub(super) fn done(self) -> Pending {
        self.pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn half(n: i64) -> Half {
        Half { place: PhysicalOffset(n * 100), ask_at: 0, asked: 0 }
    }

    #[test]
    fn a_transaction_is_ended_once() {
        let mut pending = Pending::default();
        pending.prepared(QueueOffset(0), half(0));
        assert!(pending.claim(QueueOffset(0)));
        assert!(!pending.claim(QueueOffset(0)), "somebody is at it");
        assert!(pending.due(0).is_empty(), "nobody is asked meanwhile");
        pending.release(QueueOffset(0));
        assert!(pending.claim(QueueOffset(0)));
        pending.ended(QueueOffset(0), QueueOffset(0));
        assert!(!pending.claim(QueueOffset(0)));
        assert_eq!(pending.positions(), (QueueOffset(1), QueueOffset(1)));
    }

    /// What can happen: a half comes, the n-th of those pending ends or is asked about, positions are saved.
    #[derive(Clone, Copy, Debug)]
    enum Act {
        Prepare,
        End(usize),
        Ask(usize),
        Save,
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            4 => Just(Act::Prepare),
            3 => (0..20_usize).prop_map(Act::End),
            2 => (0..20_usize).prop_map(Act::Ask),
            1 => Just(Act::Save),
        ];
        proptest::collection::vec(act, 0..80)
    }

    proptest! {
        /// Whatever was saved when, a start finds what was pending, and how often it was asked about.
        #[test]
        fn a_start_finds_what_was_pending(acts in acts()) {
            let mut pending = Pending::default();
            let (mut halves, mut marks) = (Vec::new(), Vec::new());
            let mut saved = (QueueOffset(0), QueueOffset(0));
            for act in acts {
                let nth = |n: usize, pending: &Pending| {
                    let count = pending.halves.len().max(1);
                    pending.halves.keys().nth(n % count).copied()
                };
                match act {
                    Act::Prepare => {
                        let offset = QueueOffset(halves.len() as i64);
                        halves.push(half(offset.0));
                        pending.prepared(offset, half(offset.0));
                    }
                    Act::End(n) => if let Some(offset) = nth(n, &pending) {
                        let at = QueueOffset(marks.len() as i64);
                        marks.push((Mark::Ended, vec![offset]));
                        pending.ended(offset, at);
                    },
                    Act::Ask(n) => if let Some(offset) = nth(n, &pending) {
                        let first = *pending.halves.keys().next().unwrap();
                        let mut offsets = vec![first, offset];
                        offsets.dedup();
                        let at = QueueOffset(marks.len() as i64);
                        marks.push((Mark::Asked, offsets.clone()));
                        pending.asked(&offsets, at, 0);
                    },
                    Act::Save => saved = pending.positions(),
                }
            }
            let mut resume = Resume::from(saved.0, saved.1);
            for (at, mark) in marks.iter().enumerate().skip(saved.1.0 as usize) {
                resume.mark(QueueOffset(at as i64), Some(mark.clone()));
            }
            for (at, half) in halves.iter().enumerate().skip(saved.0.0 as usize) {
                resume.half(QueueOffset(at as i64), Some(*half));
            }
            let mut again = resume.done();
            prop_assert_eq!(&again.halves, &pending.halves);
            let mut due = pending.due(0);
            due.sort_by_key(|(offset, _)| *offset);
            prop_assert_eq!(due, pending.halves.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(again.positions().0, pending.positions().0);
        }
    }
}
