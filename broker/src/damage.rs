//! Records that a disk has damaged. Nothing is made of one, since a copy would have a good CRC; it stays where it is, and each is told
//! of and counted once.

use bytes::Bytes;
use gantry_message::Record;
use gantry_store::consume_queue::Entry;
use gantry_store::{ConsumeQueue, NewMessage, QueueOffset, Store};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::io;

/// What is stored of a message.
#[derive(Debug)]
pub(crate) enum Found {
    /// A record that can be read, with the body that was stored.
    Record(Bytes),
    /// Not in the log any more.
    Gone,
    /// In the log, and not what was stored.
    Damaged(String),
}

/// Looks at the message at `offset` of a queue, which is not beyond its end.
///
/// # Errors
/// When a ConsumeQueue file cannot be read.
pub(crate) fn read(store: &Store, queue: &ConsumeQueue, offset: QueueOffset) -> io::Result<Found> {
    Ok(store.entry(queue, offset)?.map_or(Found::Gone, |entry| at(store, entry)))
}

/// Looks at the message of an entry.
pub(crate) fn at(store: &Store, entry: Entry) -> Found {
    let Some(bytes) = store.read_at(entry.physical_offset) else {
        // The file may have gone this moment.
        return if entry.physical_offset < store.stats().log_start {
            Found::Gone
        } else {
            Found::Damaged("there is no record where its queue says".into())
        };
    };
    match Record::read(&bytes).and_then(|(record, _)| record.check_crc()) {
        Ok(()) => Found::Record(bytes),
        Err(error) => Found::Damaged(error.to_string()),
    }
}

/// A stored message once more.
///
/// # Errors
/// Its body is not what was stored.
pub(crate) fn again<'a>(record: &Record<'a>) -> Result<NewMessage<'a>, String> {
    record.check_crc().map_err(|error| error.to_string())?;
    Ok(NewMessage::again(record))
}

/// What is damaged, as far as somebody came across it.
#[derive(Debug, Default)]
pub(crate) struct Damage(Mutex<BTreeSet<(Box<str>, i32, QueueOffset)>>);

impl Damage {
    /// The message at `offset` of a queue is damaged. Says what is `left_out` because of it, when it is seen for the first time.
    pub(crate) fn found(
        &self,
        topic: &str,
        queue: i32,
        offset: QueueOffset,
        why: impl Display,
        left_out: &str,
    ) {
        if self.0.lock().insert((topic.into(), queue, offset)) {
            tracing::error!(topic, queue, %offset, %why, "a record is damaged and stays where it is: {left_out}");
        }
    }

    /// The same of a record that was found by its place in the log.
    pub(crate) fn found_record(&self, record: &Record<'_>, why: impl Display, left_out: &str) {
        self.found(record.topic, record.queue_id, QueueOffset(record.queue_offset), why, left_out);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().len()
    }
}

/// Changes a byte where `text` is in the first file of the log, as a disk might.
#[cfg(test)]
pub(crate) fn damage(store: &Store, text: &str) {
    use std::os::unix::fs::FileExt as _;
    let path = store.config().root.join("commitlog").join(format!("{:020}", 0));
    let bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(b"?", at as u64).unwrap();
}
