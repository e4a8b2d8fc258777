//! `Topic`: a topic on the brokers of one or more groups.

use crate::{Condition, DeletionPolicy};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a topic should be.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "gantry.dev",
    version = "v1alpha1",
    kind = "Topic",
    namespaced,
    status = "TopicStatus",
    derive = "PartialEq",
    doc = "A topic. What is changed on the brokers by hand is put back; what is changed here is done there.",
    category = "gantry",
    shortname = "gtopic",
    printcolumn(name = "Topic", type_ = "string", json_path = ".status.topicName"),
    printcolumn(name = "Queues", type_ = "integer", json_path = ".spec.queues"),
    printcolumn(name = "Ordered", type_ = "boolean", json_path = ".spec.ordered"),
    printcolumn(name = "Scaling", type_ = "string", json_path = ".status.scale.summary"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("has(self.spec.topicName) || (!self.metadata.name.contains('.') && self.metadata.name.size() <= 127)")
        .message("metadata.name has a dot or is longer than 127 characters, which a topic cannot: set spec.topicName")
)]
#[x_kube(
    validation = Rule::new("has(self.brokerGroups) != has(self.brokerAddresses)")
        .message("give either brokerGroups (BrokerGroups of this namespace) or brokerAddresses (brokers elsewhere)"),
    validation = Rule::new("has(self.topicName) == has(oldSelf.topicName) && (!has(self.topicName) || self.topicName == oldSelf.topicName)")
        .message("topicName cannot be changed: make a new Topic"),
    validation = Rule::new("self.ordered || !has(self.order)")
        .message("order is for ordered topics: set ordered")
        .field_path(".order"),
    validation = Rule::new("has(self.order) || !has(oldSelf.order)")
        .message("order cannot be taken away: producers that know another number of queues would put keys elsewhere than the broker did; make a new Topic")
        .field_path(".order"),
    validation = Rule::new("!(self.ordered && oldSelf.ordered) || has(self.order) || self.queues % oldSelf.queues == 0 || oldSelf.queues % self.queues == 0")
        .message("the queues of an ordered topic can be changed to a multiple or a divisor of what they are: by any other number keys would move between queues that are in use, and lose their order; with order.keyProperty any number will do")
        .field_path(".queues"),
    validation = Rule::new("!(self.ordered && oldSelf.ordered) || self.queues == oldSelf.queues || (has(self.brokerGroups) ? self.brokerGroups.size() : self.brokerAddresses.size()) == 1")
        .message("the queues of an ordered topic on several brokers cannot be changed: keys would move between queues that are in use, and lose their order; have the topic on one")
        .field_path(".queues"),
    validation = Rule::new("!(self.ordered && oldSelf.ordered) || !has(self.brokerGroups) || !has(oldSelf.brokerGroups) || (self.brokerGroups.all(g, g in oldSelf.brokerGroups) && oldSelf.brokerGroups.all(g, g in self.brokerGroups))")
        .message("the brokerGroups of an ordered topic cannot be changed: keys would move to other queues and lose their order")
        .field_path(".brokerGroups")
)]
pub struct TopicSpec {
    /// The topic's name; metadata.name when absent. RocketMQ allows letters, digits, `_`, `-`, `%` and `|`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 127), regex(pattern = r"^[%|a-zA-Z0-9_-]+$"))]
    #[x_kube(validation = Rule::new("!self.startsWith('%RETRY%') && !self.startsWith('%DLQ%') && !self.startsWith('rmq_sys_') && !(self in ['TBW102', 'SCHEDULE_TOPIC_XXXX', 'BenchmarkTest', 'RMQ_SYS_TRANS_HALF_TOPIC', 'RMQ_SYS_TRACE_TOPIC', 'RMQ_SYS_TRANS_OP_HALF_TOPIC', 'TRANS_CHECK_MAX_TIME_TOPIC', 'SELF_TEST_TOPIC', 'OFFSET_MOVED_EVENT'])")
        .message("topicName belongs to the system: retry, dead letter and system topics are made by the brokers"))]
    pub topic_name: Option<String>,
    /// BrokerGroups of this namespace that hold the topic, each with the same number of queues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub broker_groups: Option<Vec<String>>,
    /// Brokers that hold the topic, as `host:port`, when they are not BrokerGroups of this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 64),
        inner(length(max = 260), regex(pattern = r"^[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?:[0-9]{1,5}$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub broker_addresses: Option<Vec<String>>,
    /// How many queues each broker group has for the topic. More queues are there at once. Fewer: nothing is sent to the
    /// others any more at once, and they stay readable until every group that reads the topic has consumed what is in them
    /// and no message has come for a minute; a group that first reads the topic later does not see what is left there.
    #[serde(default = "default_queues")]
    #[schemars(range(min = 1, max = 1024))]
    pub queues: i32,
    /// Whether applications rely on the order of messages with the same key. The number of queues of such a topic is changed
    /// without ever breaking that order, which takes a while: see `scaling` and `status.scale`.
    #[serde(default)]
    pub ordered: bool,
    /// How the order of an ordered topic is kept; by the clients' choice of the queue when absent. It cannot be taken away again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// How the number of queues of an ordered topic is changed.
    #[serde(default)]
    pub scaling: Scaling,
    /// What clients may do.
    #[serde(default)]
    pub permission: Permission,
    /// What kind of messages the topic is for, as RocketMQ 5 clients check it. Any kind when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_type: Option<MessageType>,
    /// Take over a topic of this name that is on the brokers already. Otherwise such a topic is left alone, and this says so.
    #[serde(default)]
    pub adopt: bool,
    /// Whether the topic and its messages outlive the resource.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// How the order of messages with the same key is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The property of messages that holds their ordering key: `KEYS`, of which the first counts, or one of the application's
    /// own. The broker itself puts each message to the queue of its key, whichever its sender chose. So producers that do not
    /// know of new queues are no danger, the number of queues can be changed to any other, and new queues take messages at
    /// once. Messages without it go where they are sent to, and lose their order whenever the topic is scaled. Only Gantry's broker
    /// can do this.
    #[schemars(length(min = 1, max = 127), regex(pattern = r"^[a-zA-Z0-9_.-]+$"))]
    pub key_property: String,
}

/// How the number of queues of an ordered topic is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.maxSettleSeconds >= self.settleSeconds")
        .message("maxSettleSeconds is at least settleSeconds")
        .field_path(".maxSettleSeconds")
)]
pub struct Scaling {
    /// Seconds that producers get to learn of new queues, from when every name server knows them. The default is for clients
    /// that look for them every 30 s, as they do unless `pollNameServerInterval` says otherwise: two looks, and their timeouts.
    #[schemars(range(min = 0, max = 86400))]
    #[serde(default = "settle_seconds")]
    pub settle_seconds: i32,
    /// Seconds that are waited at most for producers that seem not to have learned of them. After that the condition
    /// StaleProducerSuspected says so, and they may break the order of their keys.
    #[schemars(range(min = 0, max = 86400))]
    #[serde(default = "max_settle_seconds")]
    pub max_settle_seconds: i32,
    /// When everybody may read new queues. Either way a group reads one only when it has consumed what came before.
    #[serde(default)]
    pub open_reads: OpenReads,
    /// Seconds after which new queues are opened with `WhenDrained` even if some group is still on its way; it stays in order.
    #[schemars(range(min = 0, max = 2592000))]
    #[serde(default = "drain_timeout_seconds")]
    pub drain_timeout_seconds: i32,
    /// Whether a change waits for the annotation `gantry.dev/approve-scale` to name it, such as `4-8`. What would be done is in
    /// `status.scale` until then.
    #[serde(default)]
    pub approval: Approval,
}

impl Default for Scaling {
    fn default() -> Self {
        Self {
            settle_seconds: settle_seconds(),
            max_settle_seconds: max_settle_seconds(),
            open_reads: OpenReads::WhenDrained,
            drain_timeout_seconds: drain_timeout_seconds(),
            approval: Approval::Automatic,
        }
    }
}

const fn settle_seconds() -> i32 {
    75
}

const fn max_settle_seconds() -> i32 {
    600
}

const fn drain_timeout_seconds() -> i32 {
    3600
}

/// When everybody may read new queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OpenReads {
    /// When every group has consumed what came before.
    #[default]
    WhenDrained,
    /// From the start: no group waits for another.
    AtFlip,
}

/// Who lets a change begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Approval {
    /// It begins at once.
    #[default]
    Automatic,
    /// Somebody approves it.
    Manual,
}

const fn default_queues() -> i32 {
    8
}

/// What clients may do with a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Permission {
    /// Send and consume.
    #[default]
    ReadWrite,
    /// Consume only.
    ReadOnly,
    /// Send only.
    WriteOnly,
}

/// What kind of messages a topic is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MessageType {
    /// Ordinary messages.
    Normal,
    /// Messages in order.
    Fifo,
    /// Delayed messages.
    Delay,
    /// Transactional messages.
    Transaction,
}

/// What a topic is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopicStatus {
    /// Generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling and Stalled.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The topic's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_name: Option<String>,
    /// The topic on each broker.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["broker"]))]
    pub brokers: Vec<TopicBrokerStatus>,
    /// The change of the number of queues that is under way, or the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<ScaleStatus>,
}

/// A change of the number of an ordered topic's queues.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleStatus {
    /// Names it towards the broker.
    pub id: String,
    /// Queues before.
    pub from: i32,
    /// Queues after.
    pub to: i32,
    /// How far it is.
    pub phase: ScalePhase,
    /// Which order is kept meanwhile.
    #[serde(default)]
    pub guarantee: OrderGuarantee,
    /// Where it stands, in a few words.
    pub summary: String,
    /// When it was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When the new queues began to take messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flipped_at: Option<Time>,
    /// Where each queue ended at that moment, by queue id.
    #[serde(default)]
    pub fences: Vec<i64>,
    /// Groups that have messages from before it to consume, those with the most first; at most 20.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["group"]))]
    pub groups: Vec<ScaleGroupStatus>,
    /// Messages from before it that groups have to consume, all together.
    #[serde(default)]
    pub remaining: i64,
    /// Seconds until there are none, at the speed so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_seconds: Option<i64>,
    /// Messages that there were to consume when it was looked at first.
    #[serde(default)]
    pub remaining_at_first: i64,
    /// Producers that seem not to have learned of the new queues: their addresses.
    #[serde(default)]
    pub stale_producers: Vec<String>,
}

/// How far a change of the number of queues is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ScalePhase {
    /// It waits to be approved.
    #[default]
    Planned,
    /// Clients learn of the new queues; what they send there is stored in the old ones.
    Announced,
    /// The new queues take messages; groups consume what came before.
    Draining,
    /// It is done.
    Done,
    /// It was given up before the new queues took a message.
    Aborted,
}

/// Which order of a key's messages is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OrderGuarantee {
    /// That of all its messages, whoever sent them.
    #[default]
    AcrossProducers,
    /// That of the messages of each producer: the broker is not Gantry's and knows no gates.
    PerProducer,
}

impl ScalePhase {
    /// Begun on the broker, and not at its end.
    #[must_use]
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Announced | Self::Draining)
    }
}

/// A group on its way through a change of the number of queues.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleGroupStatus {
    /// The group.
    pub group: String,
    /// Messages from before the change that it has to consume.
    pub remaining: i64,
    /// Some member is connected.
    pub online: bool,
}

/// A topic on one broker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopicBrokerStatus {
    /// The broker group's name, or the broker's address.
    pub broker: String,
    /// Whether the topic on this broker belongs to this resource: it was made or adopted by it.
    #[serde(default)]
    pub owned: bool,
    /// Queues that can be read, as last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_queues: Option<i32>,
    /// Queues that can be written, as last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_queues: Option<i32>,
}
