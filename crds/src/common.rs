//! What several kinds have alike.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What becomes of the data when the resource is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// The data stays.
    #[default]
    Retain,
    /// The data is deleted too.
    Delete,
}
