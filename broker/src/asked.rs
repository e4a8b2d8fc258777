//! Up to where groups have asked for messages of a queue (Apache: `ConsumerOffsetManager.pullOffsetTable`). What lies between
//! there and what they have committed is with their members.

use gantry_store::QueueOffset;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};

/// Offsets by group, of a queue.
#[derive(Debug, Default)]
pub(crate) struct Asked(RwLock<HashMap<Box<str>, AtomicI64>>);

impl Asked {
    /// A group asks for messages from `offset` on.
    pub(crate) fn note(&self, group: &str, offset: QueueOffset) {
        if let Some(asked) = self.0.read().get(group) {
            return asked.store(offset.0, Ordering::Relaxed);
        }
        self.0.write().insert(group.into(), AtomicI64::new(offset.0));
    }

    /// Where a group asked last; `None` when it never did.
    pub(crate) fn of(&self, group: &str) -> Option<QueueOffset> {
        let groups = self.0.read();
        groups.get(group).map(|asked| QueueOffset(asked.load(Ordering::Relaxed)))
    }
}
