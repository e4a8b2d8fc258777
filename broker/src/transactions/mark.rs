//! Marks: messages of `RMQ_SYS_TRANS_OP_HALF_TOPIC` that say what became of halves (Apache: `TransactionalMessageBridge`).
//!
//! The tag says what, the body is a list of offsets in the half queue, with commas between or after them. Tag `d` (ended) is
//! Apache's; `c` (a producer was asked) is ours, where Apache's broker stores the half once more instead.

use super::pending::Mark;
use gantry_message::{Record, properties};
use gantry_store::{NewMessage, QueueOffset};

/// Offsets that one mark names at most.
pub(super) const MOST: usize = 500;

impl Mark {
    const fn tag(self) -> &'static str {
        match self {
            Self::Ended => "d",
            Self::Asked => "c",
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
    let mark = [Mark::Ended, Mark::Asked].into_iter().find(|mark| mark.tag() == tag)?;
    let offsets = std::str::from_utf8(record.body).ok()?.split(',').filter_map(|text| text.parse().ok());
    Some((mark, offsets.map(QueueOffset).collect()))
}
