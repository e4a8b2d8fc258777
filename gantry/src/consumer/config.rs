//! What a member is told before it joins.

use super::TagFilter;
use std::time::Duration;

/// Where to start in a queue that the group has no offset for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// Behind what is there.
    #[default]
    End,
    /// At the oldest message.
    Beginning,
    /// At the first message stored then or later, in milliseconds since the epoch.
    Timestamp(i64),
}

/// How the members of a group divide the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Model {
    /// Each message goes to one member. The broker keeps the offsets.
    #[default]
    Clustering,
    /// Each message goes to every member. Nobody keeps offsets: each start is a new one.
    Broadcasting,
}

/// A member to be.
#[derive(Clone, Debug)]
pub struct Config {
    /// The topic to read.
    pub topic: String,
    /// The group to join.
    pub group: String,
    /// Only the group's name is used, as every pull needs one: no heartbeats, no sharing, no offsets, nothing that would
    /// stay behind on the brokers. Goes with [`Model::Broadcasting`].
    pub anonymous: bool,
    /// Which tags.
    pub filter: TagFilter,
    /// Where a queue without an offset is started.
    pub start: Start,
    /// One copy a group or one a member.
    pub model: Model,
    /// Read a queue only while holding its lock, so that no other member is in the midst of it.
    pub orderly: bool,
    /// Remember where each queue ends when it is assigned: [`Event::AtEnd`](super::Event::AtEnd) tells when all of that
    /// was read.
    pub until_end: bool,
    /// For each request that is not a long poll.
    pub timeout: Duration,
}

impl Config {
    /// Offsets are kept by the broker.
    pub(super) fn commits(&self) -> bool {
        self.model == Model::Clustering
    }

    /// Queues are locked before they are read.
    pub(super) fn locks(&self) -> bool {
        self.orderly && self.model == Model::Clustering
    }
}
