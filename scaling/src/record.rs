//! What a broker writes to its log about scales, each before it takes effect.

use crate::KeyProperty;
use gantry_message::QueueOffset;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Names a scale, so that whoever asked for it may ask again without having it done twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScaleId(String);

impl ScaleId {
    /// Longest id in bytes.
    pub const MAX_LEN: usize = 128;

    /// An id; `None` when it is empty, too long, or has something else than letters, digits and `-_.:`.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
        let fits = !text.is_empty() && text.len() <= Self::MAX_LEN;
        (fits && text.bytes().all(good)).then(|| Self(text.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScaleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How long clients get to learn of new queues, from when every name server knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settle {
    /// Milliseconds that the flip waits at least.
    pub millis: i64,
    /// Milliseconds that it waits for producers that seem not to have learned of it.
    pub max_millis: i64,
}

impl Default for Settle {
    /// Two looks at the route that a client misses, its calls' timeouts, and a send's; ten minutes for those that seem stale.
    fn default() -> Self {
        Self { millis: 75_000, max_millis: 600_000 }
    }
}

/// Something that happened to a topic's queues.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The topic.
    pub topic: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

impl Record {
    /// The form in the log: JSON, so that a person reads it with `mqadmin queryMsgById`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a record's form in the log.
    ///
    /// # Errors
    /// When it is none, or one of a newer version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

impl Event {
    /// True when it may change which queue takes a message.
    #[must_use]
    pub fn moves_messages(&self) -> bool {
        match self {
            Self::Announced { .. }
            | Self::Aborted { .. }
            | Self::Flipped { .. }
            | Self::TopicDeleted
            | Self::Released => true,
            Self::Opened { .. } | Self::Passed { .. } | Self::WentBack { .. } | Self::GroupDeleted { .. } => {
                false
            }
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// A scale is announced: clients learn of the queues `from..to`; what they send there is stored in the parents.
    Announced {
        /// The scale.
        id: ScaleId,
        /// Queues before.
        from: i32,
        /// Queues after.
        to: i32,
        /// How long clients get to learn of it.
        settle: Settle,
        /// Milliseconds since the epoch.
        at: i64,
    },
    /// The announced scale will not be.
    Aborted {
        /// The scale.
        id: ScaleId,
    },
    /// The flip: what comes after this record in the log goes to the new queues.
    Flipped {
        /// The scale.
        id: ScaleId,
        /// Queues before.
        from: i32,
        /// Queues after.
        to: i32,
        /// Keys of queue `a` may move to queue `b` when both leave the same rest by this: the greatest common divisor of
        /// both counts when a key's place is its hash modulo the count, 1 when the rule itself changed.
        modulus: i32,
        /// The offset after the last message of each queue at this moment, by queue id; of all queues there were or are.
        fences: Vec<QueueOffset>,
        /// Milliseconds since the epoch.
        at: i64,
        /// From here on the broker puts messages to the queues of their keys by this property; `None`: clients choose.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<KeyProperty>,
        /// Somebody set it by hand: who may read the new queues is their affair, and nothing is left to open.
        #[serde(default)]
        by_hand: bool,
    },
    /// The scale is done, but for its gates: its new queues can be read by everybody, or, with fewer queues, every group has
    /// consumed those that went, and nobody reads them any more.
    Opened {
        /// The scale.
        id: ScaleId,
    },
    /// A group consumed queues up to their fences, before it is given anything that came after. What it commits later is
    /// never less, unless somebody sets it back: see [`WentBack`](Self::WentBack).
    Passed {
        /// The scale whose fences they are.
        id: ScaleId,
        /// The group.
        group: String,
        /// The queues.
        queues: Vec<i32>,
    },
    /// A group was set back in a queue, before a fence that it had passed.
    WentBack {
        /// The group.
        group: String,
        /// The queue.
        queue: i32,
        /// Where it goes on.
        offset: QueueOffset,
    },
    /// A group was deleted; one of the same name starts anew.
    GroupDeleted {
        /// The group.
        group: String,
    },
    /// The topic was deleted; one of the same name starts anew.
    TopicDeleted,
    /// Somebody set other counts by hand: sends go where they ask to again. Gates stay.
    Released,
}
