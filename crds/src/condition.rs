//! Conditions, as `kubectl wait`, kstatus (Flux, Argo CD) and people read them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One aspect of the resource's state. `Ready`: it is as the spec asks. `Reconciling`: it is on its way there. `Stalled`:
/// it will not get there without a change by somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Ready, Reconciling or Stalled.
    #[serde(rename = "type")]
    pub type_: String,
    /// True, False or Unknown.
    pub status: String,
    /// One word for programs.
    pub reason: String,
    /// A sentence for people: what is the case and what to do.
    pub message: String,
    /// Generation of the spec that this was found for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When the status last changed.
    pub last_transition_time: Time,
}

impl Condition {
    /// Type of the condition that says whether the resource is as its spec asks.
    pub const READY: &str = "Ready";
    /// Type of the condition that says that work is under way.
    pub const RECONCILING: &str = "Reconciling";
    /// Type of the condition that says that somebody has to change something.
    pub const STALLED: &str = "Stalled";
    /// Type of a topic's condition, there while it is true: some producer seems not to have learned of new queues.
    pub const STALE_PRODUCER: &str = "StaleProducerSuspected";
}
