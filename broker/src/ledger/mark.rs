//! Marks: messages that say what became of a ledger's entries (Apache's broker has the like for transactions only:
//! `TransactionalMessageBridge`).
//!
//! The tag says what, the body is a list of offsets in the queue of entries, with commas between or after them. Tag `d` (over)
//! is Apache's; `c` (looked at, still open) is ours, where Apache's broker stores the half once more instead.

use super::book::Mark;
use gantry_message::{Record, properties};
use gantry_store::{NewMessage, QueueOffset};

/// Offsets that one mark names at most.
pub(crate) const MOST: usize = 500;

impl Mark {
    const fn tag(self) -> &'static str {
        match self {
            Self::Over => "d",
            Self::Again => "c",
        }
    }
}

/// A mark as it is written.
pub(super) struct Written {
    body: String,
    properties: String,
}

impl Written {
    pub(super) fn new(mark: Mark, offsets: &[QueueOffset]) -> Self {
        let mut text = String::new();
        properties::push(&mut text, properties::TAGS, mark.tag());
        let body: Vec<_> = offsets.iter().map(QueueOffset::to_string).collect();
        Self { body: body.join(","), properties: text }
    }

    pub(super) fn message(&self, now_ms: i64) -> NewMessage<'_> {
        NewMessage::own(now_ms, self.body.as_bytes(), &self.properties)
    }
}

/// What a stored mark says; `None` when it is none.
pub(super) fn read(record: &Record<'_>) -> Option<(Mark, Vec<QueueOffset>)> {
    let tag = record.property(properties::TAGS)?;
    let mark = [Mark::Over, Mark::Again].into_iter().find(|mark| mark.tag() == tag)?;
    let offsets = std::str::from_utf8(record.body).ok()?.split(',').filter_map(|text| text.parse().ok());
    Some((mark, offsets.map(QueueOffset).collect()))
}
