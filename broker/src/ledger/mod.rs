//! Messages that wait in a queue of the log until something becomes of them: halves of transactions, messages with a time of
//! delivery. What became of them is said by marks in a second queue.
//!
//! A message and the mark that the entry it came from is over are one append: a crash leaves both or none, so nothing becomes
//! of an entry twice, and nothing is forgotten.

mod book;
mod mark;

pub(crate) use book::Open;

use crate::clock::{Due, Moment, now_ms};
use crate::damage::{self, Damage, Found};
use crate::json_file;
use crate::offsets::ConsumerOffsets;
use book::{Book, Mark, Resume};
use gantry_message::Record;
use gantry_store::consume_queue::Entry;
use gantry_store::{AppendError, Appended, ConsumeQueue, NewMessage, QueueOffset, Store, Turn};
use mark::Written;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;

/// Where a ledger is in the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The topic of the entries, queue 0.
    pub(crate) entries: &'static str,
    /// The topic of the marks, queue 0.
    pub(crate) marks: &'static str,
    /// The group whose offsets of the two say where a start has to read from.
    pub(crate) group: &'static str,
}

/// Entries and what became of them.
#[derive(Debug)]
pub(crate) struct Ledger {
    book: Mutex<Book>,
    entries: Arc<ConsumeQueue>,
    marks: Arc<ConsumeQueue>,
    group: &'static str,
}

impl Ledger {
    /// Finds the entries that are open in the log. `open` says what each is, or that it is of no use; it is shown those that are
    /// over, too.
    pub(crate) fn load(
        place: Place,
        store: &Store,
        offsets: &ConsumerOffsets,
        damage: &Damage,
        mut open: impl FnMut(QueueOffset, Entry, IsOver) -> Option<Open>,
    ) -> Result<Self, json_file::Error> {
        let entries = store.queue(place.entries, 0);
        let marks = store.queue(place.marks, 0);
        let from = |queue: &ConsumeQueue| {
            let saved = offsets.get(place.group, queue.topic(), 0).unwrap_or(0);
            // A log that lost its end to a power cut is shorter than what was saved.
            QueueOffset(saved).min(store.max_offset(queue)).max(queue.min_offset())
        };
        let mut resume = Resume::from(from(&entries), from(&marks));
        each(store, &marks, from(&marks), &mut |at, entry| {
            let bytes = match entry.map_or(Found::Gone, |entry| damage::at(store, entry)) {
                Found::Record(bytes) => Some(bytes),
                Found::Gone => None,
                Found::Damaged(why) => {
                    damage.found(marks.topic(), 0, at, why, "what it says is over may be found open");
                    None
                }
            };
            let record = bytes.as_deref().and_then(|bytes| Record::read(bytes).ok());
            resume.mark(at, record.and_then(|(record, _)| mark::read(&record)));
        })?;
        each(store, &entries, from(&entries), &mut |at, entry| {
            resume.entry(at, |is_over| open(at, entry?, is_over));
        })?;
        Ok(Self { book: Mutex::new(resume.done()), entries, marks, group: place.group })
    }

    /// The queue of the entries.
    pub(crate) fn entries(&self) -> &Arc<ConsumeQueue> {
        &self.entries
    }

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.book.lock().len()
    }

    /// Commits where the next start has to read from. The log has to be on the disk up to here before that is saved.
    pub(crate) fn commit_positions(&self, offsets: &ConsumerOffsets) {
        let (entry, mark) = {
            let mut book = self.book.lock();
            book.forget_aside(self.entries.min_offset());
            book.positions()
        };
        for (queue, at) in [(&self.entries, entry), (&self.marks, mark)] {
            if offsets.get(self.group, queue.topic(), 0).unwrap_or(0) != at.0 {
                offsets.commit(self.group, queue.topic(), 0, at.0);
            }
        }
    }

    /// To be told of each entry as it is appended, before anything else gets into the log.
    pub(crate) fn opened(&self, entry: &Appended, due: Due) {
        self.book.lock().opened(entry.queue_offset, Open { due, times: 0 });
    }

    /// Entries whose time has come, the first to come first, `most` at most.
    pub(crate) fn due(&self, now: Moment, most: usize) -> Vec<(QueueOffset, Open)> {
        self.book.lock().due(now, most)
    }

    /// When an entry is due; `None` when it is over.
    pub(crate) fn due_of(&self, offset: QueueOffset) -> Option<Due> {
        self.book.lock().due_of(offset)
    }

    /// When the next entry is due, in milliseconds since the epoch.
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.book.lock().next_due()
    }

    /// The oldest entry that something can be made of, and how many marks a start would read because of it.
    pub(crate) fn burden(&self) -> Option<(QueueOffset, usize)> {
        self.book.lock().burden()
    }

    /// What is stored of an entry.
    ///
    /// # Errors
    /// When a ConsumeQueue file cannot be read.
    pub(crate) fn read(&self, store: &Store, offset: QueueOffset) -> io::Result<Stored> {
        if offset < self.entries.min_offset() {
            return Ok(Stored::Gone);
        }
        if offset >= store.max_offset(&self.entries) {
            return Ok(Stored::NotSafe);
        }
        Ok(match damage::read(store, &self.entries, offset)? {
            Found::Record(bytes) => Stored::Record(bytes),
            Found::Gone => Stored::Gone,
            Found::Damaged(why) => Stored::Damaged(why),
        })
    }

    /// Leaves an entry open that is damaged: a start looks at it again.
    pub(crate) fn set_aside(&self, damage: &Damage, offset: QueueOffset, why: &str) {
        damage.found(self.entries.topic(), 0, offset, why, "nothing comes of it");
        self.book.lock().set_aside(offset);
    }

    /// Claims an entry, to make something of it; `None` when it is over, or somebody else is at it.
    pub(crate) fn claim(&self, offset: QueueOffset) -> Option<Claim<'_>> {
        let is_claimed = self.book.lock().claim(offset);
        // Made only now: one that is dropped gives the entry back, and needs the lock for that.
        is_claimed.then(|| Claim { ledger: self, offset })
    }

    /// Has an entry wait until `due`, without a record of that.
    pub(crate) fn postpone(&self, offset: QueueOffset, due: Due) {
        self.book.lock().postpone(offset, due);
    }

    /// Drops an entry that is not in the log any more.
    pub(crate) fn forget(&self, offset: QueueOffset) {
        self.book.lock().forget(offset);
    }

    /// Puts on record that entries were looked at: they are due again at `due`.
    ///
    /// # Errors
    /// It is not on record then: they are due now.
    pub(crate) fn again(&self, store: &Store, offsets: &[QueueOffset], due: Due) -> Result<(), AppendError> {
        for offsets in offsets.chunks(mark::MOST) {
            let mark = Written::new(Mark::Again, offsets);
            store.append_batch(&self.marks, &[mark.message(now_ms())], None, &mut |mark| {
                self.book.lock().again(offsets, mark.queue_offset, due);
            })?;
        }
        Ok(())
    }

    /// These entries are over, and nothing came of them. Nobody may have claimed them.
    ///
    /// # Errors
    /// Some of them are still open.
    pub(crate) fn close_all(&self, store: &Store, offsets: &[QueueOffset]) -> Result<(), AppendError> {
        for offsets in offsets.chunks(mark::MOST) {
            self.mark(store, offsets, |mark| {
                let mut book = self.book.lock();
                offsets.iter().for_each(|offset| book.closed(*offset, mark.queue_offset));
            })?;
        }
        Ok(())
    }

    /// Appends a mark that says nothing, for its place.
    ///
    /// # Errors
    /// Nothing was stored then.
    pub(crate) fn mark_nothing(&self, store: &Store) -> Result<Appended, AppendError> {
        self.mark(store, &[], |mark| self.book.lock().marked(mark.queue_offset, None))
    }

    fn mark(
        &self,
        store: &Store,
        over: &[QueueOffset],
        told: impl Fn(&Appended),
    ) -> Result<Appended, AppendError> {
        let mark = Written::new(Mark::Over, over);
        let mut stored = None;
        store.append_batch(&self.marks, &[mark.message(now_ms())], None, &mut |mark| {
            told(&mark);
            stored = Some(mark);
        })?;
        stored.ok_or(AppendError::Stopped)
    }
}

/// Whether an entry is over.
pub(crate) type IsOver = bool;

/// What is stored of an entry.
pub(crate) enum Stored {
    Record(bytes::Bytes),
    /// Not on the disk yet, and nobody was told of it.
    NotSafe,
    /// Not in the log any more.
    Gone,
    /// In the log, and not what was stored.
    Damaged(String),
}

/// The right to make something of an entry; given back when it is dropped, unless the entry is over by then.
pub(crate) struct Claim<'a> {
    ledger: &'a Ledger,
    offset: QueueOffset,
}

impl Claim<'_> {
    /// The entry is over, and nothing came of it.
    ///
    /// # Errors
    /// Nothing was stored, and it is still open.
    pub(crate) fn close(&self, store: &Store) -> Result<Appended, AppendError> {
        self.ledger.mark(store, &[self.offset], |mark| self.closed(mark))
    }

    /// A message comes of the entry: both are said in one append. `told` hears of the message before anything else gets into
    /// the log. What is given ends where the log has to be safe for both.
    ///
    /// # Errors
    /// Nothing was stored, and the entry is still open.
    pub(crate) fn close_by(
        &self,
        store: &Store,
        message: (&Arc<ConsumeQueue>, &NewMessage<'_>),
        turn: Option<Turn<'_>>,
        told: impl Fn(&Appended),
    ) -> Result<Appended, AppendError> {
        let mut stored = None;
        let message = (message.0, std::slice::from_ref(message.1));
        self.close_by_all(store, message, turn, |messages, mark| {
            messages.iter().for_each(&told);
            stored = messages.first().map(|message| Appended { end: mark.end, ..*message });
        })?;
        stored.ok_or(AppendError::Stopped)
    }

    /// The same with several messages for one queue. `told` hears of the mark, too.
    ///
    /// # Errors
    /// Nothing was stored, and the entry is still open.
    pub(crate) fn close_by_all(
        &self,
        store: &Store,
        messages: (&Arc<ConsumeQueue>, &[NewMessage<'_>]),
        turn: Option<Turn<'_>>,
        told: impl FnOnce(&[Appended], &Appended),
    ) -> Result<(), AppendError> {
        let mark = Written::new(Mark::Over, &[self.offset]);
        store.append_both(messages, (&self.ledger.marks, &mark.message(now_ms())), turn, |messages, mark| {
            self.closed(&mark);
            told(messages, &mark);
        })
    }

    fn closed(&self, mark: &Appended) {
        self.ledger.book.lock().closed(self.offset, mark.queue_offset);
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.ledger.book.lock().release(self.offset);
    }
}

/// Goes through a queue from `from` to its end; `None` for what is not in the log any more.
fn each(
    store: &Store,
    queue: &ConsumeQueue,
    from: QueueOffset,
    read: &mut dyn FnMut(QueueOffset, Option<Entry>),
) -> Result<(), json_file::Error> {
    /// Entries read together.
    const MANY: usize = 1024;
    let (mut at, mut entries) = (from, Vec::new());
    while at < store.max_offset(queue) {
        queue.read(at, MANY, store.readable_end(), &mut entries).map_err(|source| {
            let path = store.config().root.join("consumequeue").join(queue.topic());
            json_file::Error::Io { path, source }
        })?;
        if entries.is_empty() {
            read(at, None);
            at = at + 1;
        }
        for entry in &entries {
            read(at, (!entry.is_hole()).then_some(*entry));
            at = at + 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_store::StoreConfig;

    const PLACE: Place = Place { entries: "entries", marks: "marks", group: "g" };

    #[test]
    fn an_entry_has_one_who_claims_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(StoreConfig { file_size: 65_536, ..StoreConfig::new(dir.path()) }).unwrap();
        let offsets = ConsumerOffsets::load(dir.path()).unwrap();
        let ledger = Ledger::load(PLACE, &store, &offsets, &Damage::default(), |_, _, _| None).unwrap();
        let message = NewMessage::own(0, b"entry", "");
        store
            .append_batch(ledger.entries(), &[message], None, &mut |entry| ledger.opened(&entry, Due::at(5)))
            .unwrap();
        let first = ledger.claim(QueueOffset(0)).unwrap();
        assert!(ledger.claim(QueueOffset(0)).is_none());
        assert!(ledger.claim(QueueOffset(0)).is_none(), "who did not get it has not given it back");
        assert!(ledger.due(Moment { wall: 9, ..Moment::now() }, 9).is_empty());
        drop(first);
        assert_eq!(ledger.due(Moment { wall: 9, ..Moment::now() }, 9).len(), 1);
        ledger.claim(QueueOffset(0)).unwrap().close(&store).unwrap();
        assert!(ledger.claim(QueueOffset(0)).is_none());
        let open = |_, _: Entry, is_over: IsOver| (!is_over).then_some(Open { due: Due::at(5), times: 0 });
        assert_eq!(
            Ledger::load(PLACE, &store, &offsets, &Damage::default(), open).unwrap().len(),
            0,
            "a start knows"
        );
    }
}
