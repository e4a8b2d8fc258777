//! A topic as a broker has it.

use super::Topic;
use crate::admin::{Admin, GroupInTopic, QueueBounds};
use crate::error::Error;
use gantry_message::name;
use gantry_remoting::body::{MessageModel, TopicConfig, TopicScalingBody};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A topic on one broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicOnBroker {
    /// Its settings.
    pub config: TopicConfig,
    /// What is in the queues beyond those that the spec asks for, while they can be read.
    pub leftover: Leftover,
    /// For an ordered topic that somebody scales on a broker that knows nothing of it: what its queues hold.
    pub bounds: BTreeMap<i32, QueueBounds>,
    /// The same: the groups that read it.
    pub readers: Vec<Reader>,
    /// For an ordered topic: where its scales stand; `None` when the broker knows nothing of scaling in order.
    pub scaling: Option<TopicScalingBody>,
}

/// A group that reads a topic and keeps its places on the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The group.
    pub group: String,
    /// Some member is connected.
    pub online: bool,
    /// Where it is.
    pub places: GroupInTopic,
}

impl Reader {
    /// Messages of a queue before `end` that it has not consumed. What was deleted for its age waits for nobody.
    pub(super) fn left(&self, queue: i32, end: i64, bounds: QueueBounds) -> i64 {
        let place = self.places.get(&queue).copied().unwrap_or_default();
        (end - place.consumer_offset.max(bounds.min)).max(0)
    }
}

/// What is left in queues that shall go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftover {
    /// Messages that each group has not consumed; groups that are through are left out.
    pub waiting: BTreeMap<String, i64>,
    /// How long ago the last message came to them; `None` when they are empty.
    pub quiet: Option<Duration>,
}

pub(super) async fn observe<A: Admin>(
    topic: &Topic,
    admin: &A,
    addr: String,
) -> Result<Option<TopicOnBroker>, Error> {
    let Some(config) = admin.topic_config(&addr, &topic.name).await? else { return Ok(None) };
    let shrinks = !topic.spec.ordered && !topic.deleting && config.read_queue_nums > topic.spec.queues;
    let leftover = if shrinks { leftover(topic, admin, &addr).await? } else { Leftover::default() };
    let scales = topic.spec.ordered && !topic.deleting;
    let scaling = if scales { admin.scaling(&addr, &topic.name).await? } else { None };
    let is_classic = scales && scaling.is_none() && config.read_queue_nums < config.write_queue_nums;
    let (bounds, readers) = if is_classic {
        // Groups first: what they have consumed is then within the bounds.
        let readers = readers(topic, admin, &addr).await?;
        (admin.topic_bounds(&addr, &topic.name).await?, readers)
    } else {
        Default::default()
    };
    Ok(Some(TopicOnBroker { config, leftover, bounds, readers, scaling }))
}

async fn leftover<A: Admin>(topic: &Topic, admin: &A, addr: &str) -> Result<Leftover, Error> {
    let bounds = admin.topic_bounds(addr, &topic.name).await?;
    // Range bounds in the order of queue ids: all that the spec does not ask for.
    let removed: BTreeMap<_, _> =
        bounds.range(topic.spec.queues..).filter(|(_, queue)| queue.max > queue.min).collect();
    let mut left = Leftover::default();
    let Some(last) = removed.values().map(|queue| queue.last_stored).max() else { return Ok(left) };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    left.quiet = Some(now.saturating_sub(Duration::from_millis(last.max(0).unsigned_abs())));
    for reader in readers(topic, admin, addr).await? {
        let of_queue = |(queue, bounds): (&&i32, &&QueueBounds)| reader.left(**queue, bounds.max, **bounds);
        let waiting: i64 = removed.iter().map(of_queue).sum();
        if waiting > 0 {
            left.waiting.insert(reader.group, waiting);
        }
    }
    Ok(left)
}

/// Groups that read the topic and whose places the broker knows.
async fn readers<A: Admin>(topic: &Topic, admin: &A, addr: &str) -> Result<Vec<Reader>, Error> {
    let mut readers = Vec::new();
    for group in admin.groups_of_topic(addr, &topic.name).await? {
        // Tools look at everything and consume nothing.
        if name::is_system_group(&group) {
            continue;
        }
        // Members that consume everything for themselves keep their places themselves: the broker cannot tell.
        let members = admin.members(addr, &group).await?;
        if members.model == MessageModel::Broadcasting {
            continue;
        }
        let mut stats = admin.consume_stats(addr, &group, Some(&topic.name)).await?;
        let (online, places) =
            (!members.client_ids.is_empty(), stats.remove(&topic.name).unwrap_or_default());
        readers.push(Reader { group, online, places });
    }
    Ok(readers)
}
