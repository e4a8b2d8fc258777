//! Request and response bodies: JSON with fastjson's quirks ([`crate::fastjson`]), one struct a class.
//!
//! Field names are the wire's own (camel case); a struct's doc cites the Apache class it mirrors. Unknown fields are
//! ignored, absent ones take Java's defaults, nulls are left out when written.
#![allow(missing_docs, reason = "field names are the protocol's own; each struct cites its class")]

mod connection;
mod data_version;
mod group;
mod heartbeat;
mod pop;
mod queue;
mod register;
mod route;
mod scaling;
mod stats;
mod topic;

pub use connection::*;
pub use data_version::*;
pub use group::*;
pub use heartbeat::*;
pub use pop::*;
pub use queue::*;
pub use register::*;
pub use route::*;
pub use scaling::*;
pub use stats::*;
pub use topic::*;

use serde::{Deserialize, Deserializer};

/// Null is as good as absent.
fn null_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
