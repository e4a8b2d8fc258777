//! What a pop asks for, kept while it waits.

use crate::filter::Filter;
use gantry_remoting::reply::ReplyTo;

/// A POP_MESSAGE or NOTIFICATION that was checked.
#[derive(Clone, Debug)]
pub(crate) struct Pop {
    pub(crate) to: ReplyTo,
    pub(crate) group: Box<str>,
    pub(crate) topic: Box<str>,
    /// -1: all.
    pub(crate) queue: i32,
    pub(crate) asks: Asks,
    /// One batch of a queue at a time.
    pub(crate) in_order: bool,
    /// Whoever asks with the same again has not got the answer.
    pub(crate) attempt: Option<Box<str>>,
}

/// What for.
#[derive(Clone, Debug)]
pub(crate) enum Asks {
    /// Messages.
    Messages {
        most: usize,
        /// Milliseconds.
        invisible: i64,
        /// A group that was never here starts at the end.
        from_end: bool,
        filter: Filter,
    },
    /// Whether there is a message.
    Notice,
}

impl Pop {
    /// True when messages of this queue are for it. Retries come from their topic's queue 0 to whoever asks.
    pub(crate) fn is_for(&self, queue: i32) -> bool {
        self.queue < 0 || self.queue == queue || queue < 0
    }
}
