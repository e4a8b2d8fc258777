//! `BrokerGroup`: the brokers of one broker name.

use crate::{Condition, DeletionPolicy, External, Scheduling};
use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Keys of `broker.conf` that follow from the rest of the spec and so are refused in `config`. The CEL rule lists the same.
pub const RESERVED_CONFIG: [&str; 16] = [
    "brokerName",
    "brokerClusterName",
    "brokerId",
    "brokerIP1",
    "brokerIP2",
    "externalAddress",
    "namesrvAddr",
    "fetchNameSrvAddrByDnsLookup",
    "bindAddress",
    "listenPort",
    "storePathRootDir",
    "storePathCommitLog",
    "flushDiskType",
    "brokerRole",
    "leaveTimeoutMillis",
    "probeListenPort",
];

/// What a broker group should be.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "gantry.dev",
    version = "v1alpha1",
    kind = "BrokerGroup",
    namespaced,
    status = "BrokerGroupStatus",
    derive = "PartialEq",
    doc = "The brokers of one broker name, with their storage and addresses.",
    category = "gantry",
    shortname = "gbg",
    printcolumn(name = "Cluster", type_ = "string", json_path = ".spec.clusterName"),
    printcolumn(name = "Storage", type_ = "string", json_path = ".spec.storage.size"),
    printcolumn(name = "Address", type_ = "string", json_path = ".status.brokers[0].address"),
    printcolumn(name = "Outside", type_ = "string", json_path = ".status.brokers[0].externalAddress", priority = 1),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("metadata.name must be at most 40 lower case letters, digits and dashes, beginning with a letter: Services are named after it"),
    validation = Rule::new("self.spec.storage.size == oldSelf.spec.storage.size || !has(self.status) || !has(self.status.brokers) || self.status.brokers.all(b, !has(b.storage) || quantity(self.spec.storage.size).compareTo(quantity(b.storage)) >= 0)")
        .message("storage.size cannot be less than what the volumes have: they only grow")
)]
#[x_kube(
    validation = Rule::new("has(self.nameServerRef) != has(self.nameServerAddresses)")
        .message("give either nameServerRef (a NameServer of this namespace) or nameServerAddresses (name servers elsewhere)"),
    validation = Rule::new("self.clusterName == oldSelf.clusterName")
        .message("clusterName cannot be changed: clients and stored metadata know the broker by it")
        .field_path(".clusterName"),
    validation = Rule::new("has(self.brokerName) == has(oldSelf.brokerName) && (!has(self.brokerName) || self.brokerName == oldSelf.brokerName)")
        .message("brokerName cannot be changed: consumers keep their offsets by it")
)]
pub struct BrokerGroupSpec {
    /// The NameServer of this namespace that the brokers register with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_server_ref: Option<LocalReference>,
    /// Name servers that the brokers register with, as `host:port`, when they are not a NameServer of this namespace. A
    /// host name with several addresses stands for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 16),
        inner(length(max = 260), regex(pattern = r"^[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?:[0-9]{1,5}$"))
    )]
    pub name_server_addresses: Option<Vec<String>>,
    /// The RocketMQ cluster that the brokers belong to.
    #[serde(default = "default_cluster_name")]
    #[schemars(length(min = 1, max = 127), regex(pattern = r"^[a-zA-Z0-9_-]+$"))]
    pub cluster_name: String,
    /// The brokers' name as clients know it; metadata.name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 127), regex(pattern = r"^[a-zA-Z0-9_-]+$"))]
    pub broker_name: Option<String>,
    /// How many brokers hold the same messages.
    #[serde(default = "default_replicas")]
    #[schemars(range(min = 1))]
    #[x_kube(validation = Rule::new("self == 1").message("replicas above 1 are not supported yet: make a second BrokerGroup to spread a topic over several brokers"))]
    pub replicas: i32,
    /// Container image. When absent, the operator's default at the time of creation, kept over upgrades of the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,
    /// Where messages are kept.
    pub storage: Storage,
    /// What an acknowledgement means.
    #[serde(default)]
    pub flush_mode: FlushMode,
    /// More settings, under the names of Apache's broker.conf. A change restarts the broker.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64, "additionalProperties" = {"type": "string", "maxLength": 1024}))]
    #[x_kube(validation = Rule::new("self.all(key, !(key in ['brokerName', 'brokerClusterName', 'brokerId', 'brokerIP1', 'brokerIP2', 'externalAddress', 'namesrvAddr', 'fetchNameSrvAddrByDnsLookup', 'bindAddress', 'listenPort', 'storePathRootDir', 'storePathCommitLog', 'flushDiskType', 'brokerRole', 'leaveTimeoutMillis', 'probeListenPort']))")
        .message("config has a key that follows from other fields of the spec (names, addresses, paths, flushDiskType): set that field instead"))]
    #[x_kube(validation = Rule::new("self.all(key, !self[key].contains('\\n'))").message("values of config have no line breaks"))]
    pub config: BTreeMap<String, String>,
    /// CPU and memory of each broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Where the pods run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduling: Option<Scheduling>,
    /// Access for clients outside the Kubernetes cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// Longest time a broker that is being stopped keeps serving, so that clients find the others of its cluster before it
    /// goes: clients look every 30 s. It stops sooner when nobody sends any more or it is the only one.
    #[serde(default = "default_leave_seconds")]
    #[schemars(range(min = 0, max = 3600))]
    pub leave_seconds: i32,
    /// Who may connect.
    #[serde(default)]
    pub network_policy: NetworkPolicy,
}

/// An object of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LocalReference {
    /// Its name.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
}

/// Where messages are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.className) == has(oldSelf.className) && (!has(self.className) || self.className == oldSelf.className)")
        .message("storage.className cannot be changed: make a new BrokerGroup and move the topics")
)]
pub struct Storage {
    /// Size of each broker's volume. It can grow; shrinking is refused.
    #[x_kube(validation = Rule::new("isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))").message("storage.size must be a quantity above zero, such as 10Gi"))]
    #[schemars(length(max = 30))]
    pub size: Quantity,
    /// StorageClass of the volumes; the cluster's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub class_name: Option<String>,
    /// Whether the volumes outlive the resource. Retain: a BrokerGroup made again under the same name finds its messages.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// What an acknowledgement (SEND_OK) means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FlushMode {
    /// The message outlives the broker's process. A crash of the node may lose the last half second.
    #[default]
    Async,
    /// The message is on the disk.
    Sync,
}

/// Who may connect to the brokers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicy {
    /// Makes a NetworkPolicy that lets in nothing but the clients' and the probes' ports.
    #[serde(default = "default_true")]
    pub enabled: bool,
}

impl Default for NetworkPolicy {
    fn default() -> Self {
        Self { enabled: true }
    }
}

const fn default_true() -> bool {
    true
}

const fn default_replicas() -> i32 {
    1
}

const fn default_leave_seconds() -> i32 {
    30
}

fn default_cluster_name() -> String {
    "DefaultCluster".into()
}

/// What a broker group is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BrokerGroupStatus {
    /// Generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling and Stalled.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The image that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The operator's default at the time of creation: what runs while spec.image is absent. An upgrade of the operator, which
    /// brings another default, restarts nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_image: Option<String>,
    /// The brokers.
    #[serde(default)]
    #[schemars(length(max = 9))]
    pub brokers: Vec<BrokerStatus>,
}

/// One broker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BrokerStatus {
    /// Name of its pod.
    pub pod: String,
    /// The address that clients inside the Kubernetes cluster are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The address that clients outside are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_address: Option<String>,
    /// Whether it answers.
    #[serde(default)]
    pub ready: bool,
    /// Size of its volume, as the platform reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 30))]
    pub storage: Option<Quantity>,
}
