use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells one state of a table from another (Apache: `DataVersion`). Equality counts, on all three fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DataVersion {
    /// Rises with each change.
    pub counter: i64,
    pub state_version: i64,
    /// Milliseconds since the epoch of the last change: differs across restarts.
    pub timestamp: i64,
}

impl DataVersion {
    /// The version after this one.
    #[must_use]
    pub fn next(self) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { counter: self.counter + 1, timestamp: now.as_millis() as i64, ..self }
    }
}
