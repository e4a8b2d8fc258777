//! Addresses for clients outside the Kubernetes cluster.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How clients outside the cluster get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExternalType {
    /// A port on every node; `host` says under which name or address a node is reached.
    NodePort,
    /// A load balancer of the platform.
    LoadBalancer,
}

/// Access from outside the Kubernetes cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.type != 'NodePort' || has(self.host)").message("external.host is needed with NodePort: the name or address under which clients reach a node"),
    validation = Rule::new("self.type == 'NodePort' || !has(self.nodePort)").message("external.nodePort goes with type NodePort only")
)]
pub struct External {
    /// How clients outside the cluster get in: NodePort or LoadBalancer.
    #[serde(rename = "type")]
    pub type_: ExternalType,
    /// Name or address that clients outside use. Needed with NodePort; with LoadBalancer the one that the platform gives
    /// is used when this is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?$"))]
    pub host: Option<String>,
    /// The port on the nodes. The platform chooses one when this is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub node_port: Option<i32>,
    /// Annotations of the Service, for the platform's load balancer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}
