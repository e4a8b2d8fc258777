//! `Topic`: a topic on the brokers of one or more groups.

use crate::{Condition, DeletionPolicy};
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
    validation = Rule::new("!(self.ordered && oldSelf.ordered) || self.queues == oldSelf.queues")
        .message("the queues of an ordered topic cannot be changed yet: keys would move to other queues and lose their order")
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
    /// Whether applications rely on the order of messages with the same key.
    #[serde(default)]
    pub ordered: bool,
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
