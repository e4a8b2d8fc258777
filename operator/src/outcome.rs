//! Outcomes of rounds: short ways to say them, and what they amount to.

pub(crate) use gantry_admin::Outcome;

use gantry_crds::Condition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// As the spec asks.
pub(crate) fn ready(message: impl Into<String>) -> Outcome {
    Outcome::Ready { message: message.into() }
}

/// On its way: nobody has to do anything, unless it lasts.
pub(crate) fn in_progress(reason: &str, message: impl Into<String>) -> Outcome {
    Outcome::InProgress { reason: reason.into(), message: message.into() }
}

/// Somebody has to change something; the message says what.
pub(crate) fn stalled(reason: &str, message: impl Into<String>) -> Outcome {
    Outcome::Stalled { reason: reason.into(), message: message.into() }
}

/// The conditions of an object that is not worked on.
pub(crate) fn paused(before: &[Condition], now: &Time) -> Vec<Condition> {
    let outcome = Outcome::Unknown {
        reason: "ReconciliationPaused".into(),
        message: format!("work on this object is switched off by its annotation {}", crate::names::PAUSE),
    };
    let mut conditions = gantry_admin::conditions(&outcome, before, None, now);
    // Nothing is on its way.
    conditions.retain(|condition| condition.type_ != Condition::RECONCILING);
    conditions
}

/// The state that a list of conditions amounts to, for metrics.
pub(crate) fn state(conditions: &[Condition]) -> &'static str {
    let is = |type_: &str, status: &str| conditions.iter().any(|c| c.type_ == type_ && c.status == status);
    if is(Condition::STALLED, "True") {
        "Stalled"
    } else if is(Condition::RECONCILING, "True") {
        "Reconciling"
    } else if is(Condition::READY, "True") {
        "Ready"
    } else {
        "Unknown"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::jiff::Timestamp;

    #[test]
    fn each_outcome_is_one_state() {
        let at = Time(Timestamp::UNIX_EPOCH);
        let state_of = |outcome: Outcome| state(&gantry_admin::conditions(&outcome, &[], None, &at));
        assert_eq!(state_of(ready("")), "Ready");
        assert_eq!(state_of(in_progress("A", "")), "Reconciling");
        assert_eq!(state_of(stalled("A", "")), "Stalled");
        assert_eq!(state(&paused(&[], &at)), "Unknown");
    }
}
