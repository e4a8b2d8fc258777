//! What a member has to say beside messages. The texts are for people.

use gantry_remoting::body::MessageQueue;
use std::fmt;

/// Something that happened to a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The queues were shared anew.
    Assigned {
        /// How many queues of the topic are ours.
        mine: usize,
        /// How many the topic has.
        all: usize,
        /// Who shares them; 0 when every member gets all.
        members: usize,
    },
    /// The group's offset is outside what the broker still has.
    OffsetMoved {
        /// The queue.
        queue: MessageQueue,
        /// Where the group was.
        from: i64,
        /// Where the broker sent it.
        to: i64,
    },
    /// Something does not work and is tried again.
    Trouble {
        /// With what.
        what: String,
        /// What happened.
        error: String,
    },
    /// What did not work, works again.
    Recovered {
        /// With what.
        what: String,
    },
    /// Other members hold the locks of some of our queues, or may have them.
    WaitingForLocks {
        /// How many.
        queues: usize,
    },
    /// The first queue was started.
    Started {
        /// The group had an offset for it, so the start that was asked for did not count.
        committed: bool,
    },
    /// The topic is gone.
    TopicGone,
}

/// `broker-a:2`, as `--queue` takes it.
pub(crate) fn name_of(queue: &MessageQueue) -> String {
    format!("{}:{}", queue.broker_name, queue.queue_id)
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assigned { mine, all, members: 0 } => write!(f, "reading {mine} of {all} queues"),
            Self::Assigned { mine, all, members: 1 } => {
                write!(f, "reading {mine} of {all} queues; no other member in the group")
            }
            Self::Assigned { mine, all, members } => {
                write!(f, "reading {mine} of {all} queues; {members} members share them")
            }
            Self::OffsetMoved { queue, from, to } => write!(
                f,
                "queue {}: continuing at {to} instead of {from} (which {}, or an operator reset it)",
                name_of(queue),
                if to > from { "expired" } else { "is beyond the end" }
            ),
            Self::Trouble { what, error } => write!(f, "{what}: {error}; trying again"),
            Self::Recovered { what } => write!(f, "{what}: works again"),
            Self::WaitingForLocks { queues: 1 } => {
                f.write_str("waiting for the lock of a queue: another member holds it")
            }
            Self::WaitingForLocks { queues } => {
                write!(f, "waiting for the locks of {queues} queues: other members hold them")
            }
            Self::Started { committed: true } => f.write_str("continuing at the group's offsets"),
            Self::Started { committed: false } => f.write_str("starting where the group was never before"),
            Self::TopicGone => f.write_str("the topic is gone: the name server does not know it any more"),
        }
    }
}
