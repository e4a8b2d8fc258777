//! What is asked of a broker, so that plans can be tried on a broker that is not there.

use crate::Error;
use gantry_remoting::body::{MessageModel, SubscriptionGroupConfig, TopicConfig, TopicScalingBody};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

/// Where a group stands in one queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueuePlace {
    /// The offset after the queue's last message.
    pub broker_offset: i64,
    /// The next offset that the group consumes; 0 when it never did.
    pub consumer_offset: i64,
}

impl QueuePlace {
    /// Messages that the group has not consumed.
    #[must_use]
    pub fn lag(self) -> i64 {
        // A group may stand beyond the end: offsets of a store that was lost, or of a topic that was made again.
        (self.broker_offset - self.consumer_offset.max(0)).max(0)
    }
}

/// Where a group stands in the queues of one topic, by queue id.
pub type GroupInTopic = BTreeMap<i32, QueuePlace>;

/// What a queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueBounds {
    /// Offset of the first message that is still there.
    pub min: i64,
    /// The offset after the last message.
    pub max: i64,
    /// When the last message was stored, in milliseconds since the epoch; 0 when there is none.
    pub last_stored: i64,
}

/// The members of a group that are connected to one broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupMembers {
    /// Their client ids.
    pub client_ids: BTreeSet<String>,
    /// Topics that they subscribe to.
    pub topics: BTreeSet<String>,
    /// Whether each consumes everything for itself: such members keep their offsets themselves.
    pub model: MessageModel,
}

/// A change of the number of an ordered topic's queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Names it: the same again is not done twice.
    pub id: String,
    /// Queues that the topic has.
    pub from: i32,
    /// Queues that it shall have.
    pub to: i32,
    /// Seconds that producers get to learn of new queues.
    pub settle_seconds: i32,
    /// Seconds that are waited at most for producers that seem not to have.
    pub max_settle_seconds: i32,
    /// Everybody may read new queues from the start.
    pub open_reads_early: bool,
}

/// A broker's administration, and a name server's. `addr` is `host:port`.
pub trait Admin: Sync {
    /// A topic's settings; `None` when the broker does not have it.
    fn topic_config(
        &self,
        addr: &str,
        topic: &str,
    ) -> impl Future<Output = Result<Option<TopicConfig>, Error>> + Send;

    /// Makes or changes a topic. `attributes` are changes in mqadmin's form, `+key=value,-key`; those in `config` do not
    /// count.
    fn put_topic(
        &self,
        addr: &str,
        config: &TopicConfig,
        attributes: &str,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Deletes a topic and its messages from a broker. One that is not there is no error.
    fn delete_topic(&self, addr: &str, topic: &str) -> impl Future<Output = Result<(), Error>> + Send;

    /// Deletes a topic's route from a name server: name servers keep the routes of topics that brokers deleted.
    fn delete_route(&self, name_server: &str, topic: &str) -> impl Future<Output = Result<(), Error>> + Send;

    /// What each queue of a topic holds, by queue id.
    fn topic_bounds(
        &self,
        addr: &str,
        topic: &str,
    ) -> impl Future<Output = Result<BTreeMap<i32, QueueBounds>, Error>> + Send;

    /// Groups that read a topic now, or did and left their offsets.
    fn groups_of_topic(
        &self,
        addr: &str,
        topic: &str,
    ) -> impl Future<Output = Result<Vec<String>, Error>> + Send;

    /// A group's settings; `None` when the broker does not know it.
    fn group_config(
        &self,
        addr: &str,
        group: &str,
    ) -> impl Future<Output = Result<Option<SubscriptionGroupConfig>, Error>> + Send;

    /// Makes or changes a group.
    fn put_group(
        &self,
        addr: &str,
        config: &SubscriptionGroupConfig,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Deletes a group, and its offsets if asked. One that is not there is no error.
    fn delete_group(
        &self,
        addr: &str,
        group: &str,
        clean_offsets: bool,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Where a group stands in each topic that it has offsets of, its retry topic included; in one topic only if named.
    fn consume_stats(
        &self,
        addr: &str,
        group: &str,
        topic: Option<&str>,
    ) -> impl Future<Output = Result<BTreeMap<String, GroupInTopic>, Error>> + Send;

    /// The group's members; none when nobody is connected.
    fn members(&self, addr: &str, group: &str) -> impl Future<Output = Result<GroupMembers, Error>> + Send;

    /// Where a topic's scales stand; `None` when the broker knows nothing of scaling in order.
    fn scaling(
        &self,
        addr: &str,
        topic: &str,
    ) -> impl Future<Output = Result<Option<TopicScalingBody>, Error>> + Send;

    /// Begins to change the number of an ordered topic's queues.
    fn begin_scale(
        &self,
        addr: &str,
        topic: &str,
        scale: &Scale,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Gives such a change up, as long as the new queues have taken no message.
    fn abort_scale(
        &self,
        addr: &str,
        topic: &str,
        id: &str,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Opens what it made to everybody, and with that ends it.
    fn open_scale(&self, addr: &str, topic: &str, id: &str)
    -> impl Future<Output = Result<(), Error>> + Send;

    /// Where a group goes on in a queue; `None` when it has no place there.
    fn committed(
        &self,
        addr: &str,
        group: &str,
        topic: &str,
        queue: i32,
    ) -> impl Future<Output = Result<Option<i64>, Error>> + Send;

    /// Has a group go on at `offset` in a queue.
    fn commit_offset(
        &self,
        addr: &str,
        group: &str,
        topic: &str,
        queue: i32,
        offset: i64,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Moves a group in all queues of a topic to the first message stored at or after `timestamp` (milliseconds since the
    /// epoch; 0: the first that is still there; negative: after the last). Members that are connected are told to move.
    fn reset_offset(
        &self,
        addr: &str,
        group: &str,
        topic: &str,
        timestamp: i64,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}
