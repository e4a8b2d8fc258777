//! Which entries of a ledger are open: kept beside two queues of the log, and found again from them.
//!
//! A new entry gets the next offset of the queue of entries. A mark in the other queue says of entries that they are over, or
//! that they were looked at and wait again. What lies before [`Book::positions`] is of no use any more: a start reads from there
//! on.

use crate::clock::{Due, Moment};
use gantry_store::QueueOffset;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

/// Marks that are remembered together: a start may read so many in vain, and a million cost a thousand places.
const TOGETHER: i64 = 1000;
/// Clocks that are brought into line little by little are not looked after: milliseconds.
const IS_SET_BACK: i64 = 20;

/// An entry that is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    /// It is to be looked at then.
    pub(crate) due: Due,
    /// How often it was.
    pub(crate) times: u32,
}

/// What a mark says of the entries that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Over,
    /// Looked at; still open.
    Again,
}

/// Marks next to each other.
#[derive(Clone, Copy, Debug)]
struct Marks {
    first: QueueOffset,
    /// The last entry that any of them names.
    names: QueueOffset,
}

/// The entries that are not over.
#[derive(Debug, Default)]
pub(crate) struct Book {
    open: BTreeMap<QueueOffset, Open>,
    /// The same by `due`: appends wait for whoever looks, who therefore must not look at all of them.
    by_due: BTreeSet<(i64, QueueOffset)>,
    /// Where the wall clock was ahead of the steady one most, as far as anything here goes by it.
    ahead: Option<Moment>,
    /// Entries that something is about to become of: nobody else may touch them.
    claimed: HashSet<QueueOffset>,
    /// Entries that are damaged: they are open, and never due.
    aside: BTreeSet<QueueOffset>,
    next_entry: QueueOffset,
    next_mark: QueueOffset,
    /// Marks that a start still needs.
    marks: VecDeque<Marks>,
}

impl Book {
    /// An entry was appended.
    pub(super) fn opened(&mut self, offset: QueueOffset, open: Open) {
        self.open.insert(offset, open);
        self.waits(offset, open.due);
        self.next_entry = offset + 1;
    }

    fn waits(&mut self, offset: QueueOffset, due: Due) {
        self.by_due.insert((due.at, offset));
        if let Some(moment) = due.moment()
            && self.ahead.is_none_or(|ahead| moment.set_back_since(ahead) < 0)
        {
            self.ahead = Some(moment);
        }
    }

    fn waits_no_more(&mut self, offset: QueueOffset, due: Due) {
        self.by_due.remove(&(due.at, offset));
    }

    /// The clock was set back: what waits for a length of time is due by the new one. Looks at all entries, which a second order
    /// of them would save, for a third of their memory.
    fn follow(&mut self, now: Moment) {
        for (offset, open) in &mut self.open {
            let due = open.due.by_the_clock_of(now);
            if due.at < open.due.at && self.by_due.remove(&(open.due.at, *offset)) {
                self.by_due.insert((due.at, *offset));
                open.due = due;
            }
        }
        self.ahead = Some(now);
    }

    /// Claims an entry; false when it is over, or somebody else has claimed it.
    pub(super) fn claim(&mut self, offset: QueueOffset) -> bool {
        self.open.contains_key(&offset) && self.claimed.insert(offset)
    }

    /// Gives a claimed entry back.
    pub(super) fn release(&mut self, offset: QueueOffset) {
        self.claimed.remove(&offset);
    }

    /// The mark at `mark` was appended, by which the entry is over.
    pub(super) fn closed(&mut self, offset: QueueOffset, mark: QueueOffset) {
        self.marked(mark, Some(offset));
        self.forget(offset);
    }

    /// Drops an entry that is not in the log any more.
    pub(super) fn forget(&mut self, offset: QueueOffset) {
        self.claimed.remove(&offset);
        self.aside.remove(&offset);
        if let Some(open) = self.open.remove(&offset) {
            self.waits_no_more(offset, open.due);
        }
    }

    /// Leaves an entry open that nothing can be made of.
    pub(super) fn set_aside(&mut self, offset: QueueOffset) {
        if let Some(open) = self.open.get(&offset).copied()
            && self.aside.insert(offset)
        {
            self.waits_no_more(offset, open.due);
        }
    }

    /// Drops what was set aside and is not in the log any more, which begins with the entry at `start`.
    pub(super) fn forget_aside(&mut self, start: QueueOffset) {
        while let Some(first) = self.aside.first().copied().filter(|first| *first < start) {
            self.forget(first);
        }
    }

    /// The mark at `mark` was appended: these entries were looked at, and are due again at `due`.
    pub(super) fn again(&mut self, offsets: &[QueueOffset], mark: QueueOffset, due: Due) {
        for offset in offsets {
            if let Some(open) = self.open.get_mut(offset) {
                open.times += 1;
            }
            self.postpone(*offset, due);
        }
        self.marked(mark, offsets.iter().max().copied());
    }

    /// Has an entry wait until `due`. Nothing is on record of that.
    pub(super) fn postpone(&mut self, offset: QueueOffset, due: Due) {
        if self.aside.contains(&offset) {
            return;
        }
        if let Some(open) = self.open.get_mut(&offset) {
            let before = std::mem::replace(&mut open.due, due);
            self.waits_no_more(offset, before);
            self.waits(offset, due);
        }
    }

    /// The mark at `mark` was appended, which names no entry behind `last`, or none at all.
    pub(super) fn marked(&mut self, mark: QueueOffset, last: Option<QueueOffset>) {
        self.next_mark = mark + 1;
        let Some(last) = last else { return };
        match self.marks.back_mut() {
            Some(marks) if mark - marks.first < TOGETHER => marks.names = marks.names.max(last),
            _ => self.marks.push_back(Marks { first: mark, names: last }),
        }
    }

    /// Entries whose time has come, the first to come first, `most` at most.
    pub(super) fn due(&mut self, now: Moment, most: usize) -> Vec<(QueueOffset, Open)> {
        if self.ahead.is_some_and(|ahead| now.set_back_since(ahead) > IS_SET_BACK) {
            self.follow(now);
        }
        let due = self.by_due.range(..=(now.wall, QueueOffset(i64::MAX))).map(|(_, offset)| offset);
        let due = due.filter(|offset| !self.claimed.contains(offset)).take(most);
        due.filter_map(|offset| Some((*offset, *self.open.get(offset)?))).collect()
    }

    /// When the entry is due.
    pub(super) fn due_of(&self, offset: QueueOffset) -> Option<Due> {
        self.open.get(&offset).map(|open| open.due)
    }

    /// When the next entry is due, by the wall clock.
    pub(super) fn next_due(&self) -> Option<i64> {
        self.by_due.first().map(|(due, _)| *due)
    }

    /// The oldest entry.
    pub(super) fn first(&self) -> Option<QueueOffset> {
        self.open.keys().next().copied()
    }

    /// From where on a start has to read entries and marks.
    pub(super) fn positions(&mut self) -> (QueueOffset, QueueOffset) {
        let first = self.first().unwrap_or(self.next_entry);
        while self.marks.front().is_some_and(|marks| marks.names < first) {
            self.marks.pop_front();
        }
        (first, self.marks.front().map_or(self.next_mark, |marks| marks.first))
    }

    /// The oldest entry that something can be made of, and how many marks a start would read because of it.
    pub(super) fn burden(&mut self) -> Option<(QueueOffset, usize)> {
        self.positions();
        let first = self.open.keys().find(|offset| !self.aside.contains(offset)).copied()?;
        let marks = self.marks.iter().find(|marks| marks.names >= first);
        let mark = marks.map_or(self.next_mark, |marks| marks.first);
        Some((first, usize::try_from(self.next_mark - mark).unwrap_or(0)))
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }
}

/// A start: all marks are read, then all entries.
#[derive(Debug, Default)]
pub(super) struct Resume {
    book: Book,
    over: HashSet<QueueOffset>,
    times: HashMap<QueueOffset, u32>,
}

impl Resume {
    /// Reading begins here.
    pub(super) fn from(entry: QueueOffset, mark: QueueOffset) -> Self {
        let book = Book { next_entry: entry, next_mark: mark, ..Book::default() };
        Self { book, ..Self::default() }
    }

    /// The next mark; `None` for one that says nothing.
    pub(super) fn mark(&mut self, at: QueueOffset, mark: Option<(Mark, Vec<QueueOffset>)>) {
        let (mark, offsets) = mark.unwrap_or((Mark::Over, Vec::new()));
        self.book.marked(at, offsets.iter().max().copied());
        match mark {
            Mark::Over => self.over.extend(offsets),
            Mark::Again => {
                for offset in offsets {
                    *self.times.entry(offset).or_default() += 1;
                }
            }
        }
    }

    /// The next entry: `open` is told whether it is over, and gives `None` for one that is of no use.
    pub(super) fn entry(&mut self, at: QueueOffset, open: impl FnOnce(bool) -> Option<Open>) {
        self.book.next_entry = at + 1;
        let is_over = self.over.contains(&at);
        if let Some(open) = open(is_over).filter(|_| !is_over) {
            let times = open.times + self.times.get(&at).copied().unwrap_or(0);
            self.book.opened(at, Open { times, ..open });
        }
    }

    pub(super) fn done(self) -> Book {
        self.book
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DUE: Open = Open { due: Due::at(0), times: 0 };

    fn at(wall: i64) -> Moment {
        Moment { wall, ..Moment::now() }
    }

    #[test]
    fn an_entry_is_over_once() {
        let mut book = Book::default();
        book.opened(QueueOffset(0), DUE);
        assert!(book.claim(QueueOffset(0)));
        assert!(!book.claim(QueueOffset(0)), "somebody is at it");
        assert!(book.due(at(0), 9).is_empty(), "nobody looks at it meanwhile");
        book.release(QueueOffset(0));
        assert!(book.claim(QueueOffset(0)));
        book.closed(QueueOffset(0), QueueOffset(0));
        assert!(!book.claim(QueueOffset(0)));
        assert_eq!(book.positions(), (QueueOffset(1), QueueOffset(1)));
    }

    #[test]
    fn the_first_due_come_first() {
        let mut book = Book::default();
        for (offset, due) in [(0, 30), (1, 10), (2, 20), (3, 40)] {
            book.opened(QueueOffset(offset), Open { due: Due::at(due), times: 0 });
        }
        let due = |book: &mut Book, now, most| -> Vec<i64> {
            book.due(at(now), most).into_iter().map(|(offset, _)| offset.0).collect()
        };
        assert_eq!(book.next_due(), Some(10));
        assert_eq!(due(&mut book, 30, 9), [1, 2, 0]);
        assert_eq!(due(&mut book, 30, 2), [1, 2]);
        book.postpone(QueueOffset(1), Due::at(35));
        assert_eq!(due(&mut book, 35, 9), [2, 0, 1]);
    }

    #[test]
    fn what_waits_for_a_length_of_time_is_due_when_that_has_passed() {
        let (mut book, now) = (Book::default(), at(1_000_000));
        let later =
            |wall: i64, ms| Moment { wall, steady: now.steady + std::time::Duration::from_millis(ms) };
        book.opened(QueueOffset(0), Open { due: Due::after(now, 500), times: 0 });
        book.opened(QueueOffset(1), Open { due: Due::at(1_000_500), times: 0 });
        let due =
            |book: &mut Book, now| book.due(now, 9).iter().map(|(offset, _)| offset.0).collect::<Vec<_>>();
        assert!(due(&mut book, later(400_000, 499)).is_empty());
        assert_eq!(due(&mut book, later(400_001, 500)), [0], "the clock was set back");
        assert_eq!(due(&mut book, later(1_000_500, 500)), [0, 1], "each once");
        book.postpone(QueueOffset(0), Due::after(later(400_000, 500), 1000));
        assert!(due(&mut book, later(400_000, 1499)).is_empty());
        assert_eq!(due(&mut book, later(400_001, 1500)), [0], "and once more");
        book.closed(QueueOffset(0), QueueOffset(0));
        assert!(due(&mut book, later(400_000, 9999)).is_empty());
    }

    #[test]
    fn marks_are_needed_as_long_as_an_entry_before_theirs_is_open() {
        let mut book = Book::default();
        for offset in 0..=5 * TOGETHER {
            book.opened(QueueOffset(offset), DUE);
        }
        for offset in 1..=5 * TOGETHER {
            book.closed(QueueOffset(offset), QueueOffset(offset - 1));
        }
        assert_eq!(book.positions(), (QueueOffset(0), QueueOffset(0)));
        assert_eq!(book.burden(), Some((QueueOffset(0), 5 * TOGETHER as usize)));
        assert!(book.marks.len() <= 5);
        book.closed(QueueOffset(0), QueueOffset(5 * TOGETHER));
        assert_eq!(book.positions(), (QueueOffset(5 * TOGETHER + 1), QueueOffset(5 * TOGETHER + 1)));
        assert_eq!(book.burden(), None);
    }

    #[test]
    fn what_is_damaged_stays_open_and_is_in_nobodys_way() {
        let mut book = Book::default();
        for offset in 0..3 {
            book.opened(QueueOffset(offset), DUE);
        }
        book.set_aside(QueueOffset(0));
        book.set_aside(QueueOffset(7));
        book.postpone(QueueOffset(0), Due::at(0));
        assert_eq!(book.due(at(9), 9).len(), 2);
        book.closed(QueueOffset(1), QueueOffset(0));
        assert_eq!(book.positions(), (QueueOffset(0), QueueOffset(0)), "a start finds it");
        assert_eq!(book.burden(), Some((QueueOffset(2), 0)), "the next is stored again in its time");
        book.forget_aside(QueueOffset(0));
        assert_eq!(book.len(), 2);
        book.forget_aside(QueueOffset(1));
        assert_eq!(book.positions(), (QueueOffset(2), QueueOffset(1)));
    }

    /// What can happen: an entry comes, the n-th of those open is over or waits again, positions are saved.
    #[derive(Clone, Copy, Debug)]
    enum Act {
        Open,
        Close(usize),
        Again(usize),
        Save,
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            4 => Just(Act::Open),
            3 => (0..20_usize).prop_map(Act::Close),
            2 => (0..20_usize).prop_map(Act::Again),
            1 => Just(Act::Save),
        ];
        proptest::collection::vec(act, 0..80)
    }

    proptest! {
        /// Whatever was saved when, a start finds what was open, and how often it was looked at.
        #[test]
        fn a_start_finds_what_was_open(acts in acts()) {
            let mut book = Book::default();
            let (mut entries, mut marks) = (0, Vec::new());
            let mut saved = (QueueOffset(0), QueueOffset(0));
            for act in acts {
                let nth = |n: usize, book: &Book| book.open.keys().nth(n % book.open.len().max(1)).copied();
                let at = QueueOffset(marks.len() as i64);
                match act {
                    Act::Open => {
                        book.opened(QueueOffset(entries), DUE);
                        entries += 1;
                    }
                    Act::Close(n) => if let Some(offset) = nth(n, &book) {
                        marks.push((Mark::Over, vec![offset]));
                        book.closed(offset, at);
                    },
                    Act::Again(n) => if let Some(offset) = nth(n, &book) {
                        let mut offsets = vec![book.first().unwrap(), offset];
                        offsets.dedup();
                        marks.push((Mark::Again, offsets.clone()));
                        book.again(&offsets, at, Due::at(0));
                    },
                    Act::Save => saved = book.positions(),
                }
            }
            let mut resume = Resume::from(saved.0, saved.1);
            for (at, mark) in marks.iter().enumerate().skip(saved.1.0 as usize) {
                resume.mark(QueueOffset(at as i64), Some(mark.clone()));
            }
            for at in saved.0.0..entries {
                resume.entry(QueueOffset(at), |_| Some(DUE));
            }
            let mut again = resume.done();
            prop_assert_eq!(&again.open, &book.open);
            let mut due = book.due(at(0), usize::MAX);
            due.sort_by_key(|(offset, _)| *offset);
            prop_assert_eq!(due, book.open.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(again.positions().0, book.positions().0);
        }
    }
}
