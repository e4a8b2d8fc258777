//! The newest entries of a queue, in memory.

use super::Entry;
use std::slice;

/// Places for entries that are made at once, when there is more than one entry.
const PLACES: usize = 8;

/// Entries up to the next offset. Where queues are many, most get one message at a time: that takes no memory of its own, which would
/// be left behind as a hole between queues.
#[derive(Debug, Default)]
pub(super) enum Tail {
    #[default]
    Empty,
    One {
        entry: Entry,
        is_written: bool,
    },
    Many(Box<Many>),
}

/// The first `written` of them are in the files too.
#[derive(Debug)]
pub(super) struct Many {
    written: usize,
    entries: Vec<Entry>,
}

impl Tail {
    pub(super) fn entries(&self) -> &[Entry] {
        match self {
            Self::Empty => &[],
            Self::One { entry, .. } => slice::from_ref(entry),
            Self::Many(many) => &many.entries,
        }
    }

    pub(super) fn entries_mut(&mut self) -> &mut [Entry] {
        match self {
            Self::Empty => &mut [],
            Self::One { entry, .. } => slice::from_mut(entry),
            Self::Many(many) => &mut many.entries,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    pub(super) fn push(&mut self, entry: Entry) {
        match self {
            Self::Empty => *self = Self::One { entry, is_written: false },
            Self::One { entry: first, is_written } => {
                let mut entries = Vec::with_capacity(PLACES);
                entries.extend([*first, entry]);
                *self = Self::Many(Box::new(Many { written: usize::from(*is_written), entries }));
            }
            Self::Many(many) => many.entries.push(entry),
        }
    }

    /// How many of them are in the files too, from the first on.
    pub(super) fn written(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One { is_written, .. } => usize::from(*is_written),
            Self::Many(many) => many.written,
        }
    }

    /// So many more of them are in the files.
    pub(super) fn wrote(&mut self, count: usize) {
        match self {
            Self::Empty => {}
            Self::One { is_written, .. } => *is_written |= count > 0,
            Self::Many(many) => many.written += count,
        }
    }

    /// Lets go of the first so many, which are in the files.
    pub(super) fn forget(&mut self, count: usize) {
        if count == self.entries().len() {
            *self = Self::Empty;
        } else if let Self::Many(many) = self {
            many.entries.drain(..count);
            many.written -= count;
        }
    }
}
