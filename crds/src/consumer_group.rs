//! `ConsumerGroup`: a group of consumers and how far it has come.

use crate::{Condition, DeletionPolicy};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a consumer group should be.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "gantry.dev",
    version = "v1alpha1",
    kind = "ConsumerGroup",
    namespaced,
    status = "ConsumerGroupStatus",
    derive = "PartialEq",
    doc = "A consumer group: its settings on the brokers, its members and its lag.",
    category = "gantry",
    shortname = "gcg",
    printcolumn(name = "Group", type_ = "string", json_path = ".status.groupName"),
    printcolumn(name = "Members", type_ = "integer", json_path = ".status.members"),
    printcolumn(name = "Lag", type_ = "integer", json_path = ".status.lag"),
    printcolumn(name = "Suspended", type_ = "boolean", json_path = ".spec.suspended", priority = 1),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("has(self.spec.groupName) || (!self.metadata.name.contains('.') && self.metadata.name.size() <= 120)")
        .message("metadata.name has a dot or is longer than 120 characters, which a group cannot: set spec.groupName")
)]
#[x_kube(
    validation = Rule::new("has(self.brokerGroups) != has(self.brokerAddresses)")
        .message("give either brokerGroups (BrokerGroups of this namespace) or brokerAddresses (brokers elsewhere)"),
    validation = Rule::new("has(self.groupName) == has(oldSelf.groupName) && (!has(self.groupName) || self.groupName == oldSelf.groupName)")
        .message("groupName cannot be changed: make a new ConsumerGroup"),
    validation = Rule::new("!has(self.offsetReset) || !has(oldSelf.offsetReset) || self.offsetReset.token != oldSelf.offsetReset.token || self.offsetReset == oldSelf.offsetReset")
        .message("an offset reset runs once per token: change offsetReset.token together with the rest")
)]
pub struct ConsumerGroupSpec {
    /// The group's name; metadata.name when absent. RocketMQ allows letters, digits, `_`, `-`, `%` and `|`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 120), regex(pattern = r"^[%|a-zA-Z0-9_-]+$"))]
    #[x_kube(validation = Rule::new("!self.startsWith('CID_RMQ_SYS_') && !(self in ['TOOLS_CONSUMER', 'FILTERSRV_CONSUMER', 'SELF_TEST_C_GROUP', 'CID_ONS-HTTP-PROXY', 'CID_ONSAPI_PULL', 'CID_ONSAPI_PERMISSION', 'CID_ONSAPI_OWNER', '__MONITOR_CONSUMER'])")
        .message("groupName belongs to the system"))]
    pub group_name: Option<String>,
    /// BrokerGroups of this namespace that know the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub broker_groups: Option<Vec<String>>,
    /// Brokers that know the group, as `host:port`, when they are not BrokerGroups of this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 64),
        inner(length(max = 260), regex(pattern = r"^[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?:[0-9]{1,5}$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub broker_addresses: Option<Vec<String>>,
    /// What becomes of a message that a consumer failed on.
    #[serde(default)]
    pub retry: Retry,
    /// Whether the group consumes in order: a queue is locked for one member.
    #[serde(default)]
    pub ordered: bool,
    /// Whether members may consume everything each for itself (broadcasting).
    #[serde(default = "default_true")]
    pub broadcast: bool,
    /// Stops consumption: pulls are refused until this is false again. Offsets stay.
    #[serde(default)]
    pub suspended: bool,
    /// Moves the group to another place in its topics, once for each new token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_reset: Option<OffsetReset>,
    /// Take over a group of this name that is on the brokers already. Otherwise such a group is left alone, and this says so.
    #[serde(default)]
    pub adopt: bool,
    /// Whether the group and its offsets outlive the resource. With Delete its retry topic is deleted, too; the dead letter
    /// topic always stays.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

const fn default_true() -> bool {
    true
}

/// What becomes of a message that a consumer failed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// How often it is delivered again before it goes to the dead letter topic.
    #[serde(default = "default_attempts")]
    #[schemars(range(min = 0, max = 1000))]
    pub max_attempts: i32,
    /// Queues of the group's retry topic on each broker. 0 means no retry.
    #[serde(default = "default_retry_queues")]
    #[schemars(range(min = 0, max = 64))]
    pub queues: i32,
}

impl Default for Retry {
    fn default() -> Self {
        Self { max_attempts: default_attempts(), queues: default_retry_queues() }
    }
}

const fn default_attempts() -> i32 {
    16
}

const fn default_retry_queues() -> i32 {
    1
}

/// A move of the group to another place in its topics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(self.to == 'Timestamp') == has(self.timestamp)").message("offsetReset.timestamp is needed with to: Timestamp, and only then")
)]
pub struct OffsetReset {
    /// Any text. The reset runs once for each new token.
    #[schemars(length(min = 1, max = 128))]
    pub token: String,
    /// Where to.
    pub to: OffsetTarget,
    /// The moment from which messages are consumed again, with `to: Timestamp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Time>,
    /// The topics; all that the group consumes when absent, but for its retry topic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 127)))]
    pub topics: Vec<String>,
}

/// Where a group is moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OffsetTarget {
    /// The first message that is still there.
    Earliest,
    /// After the last message.
    Latest,
    /// The first message stored at or after a moment.
    Timestamp,
}

/// What a consumer group is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerGroupStatus {
    /// Generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling and Stalled.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The group's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// Brokers where the group belongs to this resource: it was made or adopted by it.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub owned_on: Vec<String>,
    /// Consumers that are connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<i32>,
    /// Messages that the group has not consumed yet, those to be retried included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<i64>,
    /// The same for each topic.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["topic"]))]
    pub topics: Vec<TopicLag>,
    /// The last offset reset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_reset: Option<OffsetResetStatus>,
}

/// How far a group has come in one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopicLag {
    /// The topic.
    pub topic: String,
    /// Messages that the group has not consumed yet.
    pub lag: i64,
}

/// An offset reset that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OffsetResetStatus {
    /// Its token.
    pub token: String,
    /// Brokers on which it is done.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub done_on: Vec<String>,
    /// When it was done on all brokers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
}
