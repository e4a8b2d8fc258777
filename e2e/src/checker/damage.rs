//! What was done to the log itself.

use std::collections::HashSet;

use super::facts::Facts;
use crate::history::MessageId;

/// Acknowledged messages that are not there, and whose own bytes were changed.
pub(super) fn gone(facts: &Facts<'_>) -> HashSet<MessageId> {
    if facts.damage.is_empty() {
        return HashSet::new();
    }
    let there = facts.found();
    let acked = facts.acked_plain();
    acked
        .filter(|(id, send)| {
            !there.contains_key(id) && send.acked().is_some_and(|(.., physical)| facts.is_damaged(physical))
        })
        .map(|(id, _)| id)
        .collect()
}
