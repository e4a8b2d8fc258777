use serde::{Deserialize, Serialize};

/// Where a topic's scales stand: the answer to GET_SCALING, and to the requests that change it. Gantry's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicScalingBody {
    pub topic: String,
    /// Queues that take messages.
    pub queues: i32,
    /// As the topic's settings say.
    pub write_queue_nums: i32,
    /// As the topic's settings say.
    pub read_queue_nums: i32,
    /// The scale that clients are learning of.
    pub announced: Option<AnnouncedScaleBody>,
    /// Flips that may still guard something, oldest first.
    pub flips: Vec<FlipBody>,
    /// Groups that read the topic, by name; not those that gates do not concern.
    pub groups: Vec<ScalingGroupBody>,
    /// Producers that seem not to know the newest queues: their addresses.
    pub stale_producers: Vec<String>,
    /// Scales that ended, oldest first.
    pub ended: Vec<EndedScaleBody>,
}

impl TopicScalingBody {
    /// The oldest flip that is not done.
    #[must_use]
    pub fn under_way(&self) -> Option<&FlipBody> {
        self.flips.iter().find(|flip| !flip.opened)
    }

    /// Something is announced, or not done.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.announced.is_some() || self.under_way().is_some()
    }

    /// Messages before the fences that groups have still to consume.
    #[must_use]
    pub fn remaining(&self) -> i64 {
        self.groups.iter().map(|group| group.remaining).sum()
    }
}

/// A scale before its flip.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AnnouncedScaleBody {
    pub id: String,
    pub from: i32,
    pub to: i32,
    /// Milliseconds since the epoch.
    pub at: i64,
    /// Name servers that do not know the new queues yet.
    pub name_servers_behind: Vec<String>,
    /// Milliseconds until clients had their time; absent while name servers are behind.
    pub settles_in_millis: Option<i64>,
    /// The time is over, and only producers that seem stale are waited for: milliseconds until that ends, too.
    pub waits_for_producers_millis: Option<i64>,
}

/// A flip.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FlipBody {
    pub id: String,
    pub from: i32,
    pub to: i32,
    /// Milliseconds since the epoch.
    pub at: i64,
    /// Where each queue ended at the flip, by queue id.
    pub fences: Vec<i64>,
    /// The scale is done.
    pub opened: bool,
}

/// A group in front of the gates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ScalingGroupBody {
    pub group: String,
    /// Some member is connected.
    pub online: bool,
    /// Messages before the fences that it has not consumed.
    pub remaining: i64,
    /// Queues that it may not read to their end yet.
    pub gated_queues: Vec<i32>,
}

/// A scale that ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndedScaleBody {
    pub id: String,
    /// Done, or given up before its flip.
    pub done: bool,
}
