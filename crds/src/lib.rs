//! The Kubernetes API of Gantry, `gantry.dev/v1alpha1`: four kinds, all namespaced.
//!
//! The Rust types are the source: [`yaml`] writes the CustomResourceDefinitions from them, and a test compares what is
//! committed in `crds/generated`. What the API server can check is in the schema or a CEL rule, so that a bad object is
//! refused when it is applied and not found out later.

#![allow(unreachable_pub, reason = "the schema derive repeats each struct inside a function")]

mod broker_group;
#[cfg(feature = "check")]
pub mod check;
mod common;
mod condition;
mod consumer_group;
mod external;
mod name_server;
mod scheduling;
mod topic;
pub mod yaml;

pub use broker_group::{
    BrokerGroup, BrokerGroupSpec, BrokerGroupStatus, BrokerStatus, FlushMode, LocalReference, NetworkPolicy,
    RESERVED_CONFIG, Storage,
};
pub use common::DeletionPolicy;
pub use condition::Condition;
pub use consumer_group::{
    ConsumerGroup, ConsumerGroupSpec, ConsumerGroupStatus, OffsetReset, OffsetResetStatus, OffsetTarget,
    Retry, TopicLag,
};
pub use external::{External, ExternalType};
pub use name_server::{NameServer, NameServerSpec, NameServerStatus};
pub use scheduling::Scheduling;
pub use topic::{
    Approval, MessageType, OpenReads, Order, OrderGuarantee, Permission, ScaleGroupStatus, ScalePhase,
    ScaleStatus, Scaling, Topic, TopicBrokerStatus, TopicSpec, TopicStatus,
};

/// API group of all kinds.
pub const GROUP: &str = "gantry.dev";
/// API version of all kinds.
pub const VERSION: &str = "v1alpha1";
