//! Outcomes as conditions, in the way that kstatus (Flux, Argo CD, `kubectl wait`) reads them.

use gantry_crds::Condition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// How a resource stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is as its spec asks.
    Ready {
        /// What is the case, for people.
        message: String,
    },
    /// It is on its way there.
    InProgress {
        /// One word.
        reason: String,
        /// What is being done or waited for.
        message: String,
    },
    /// It cannot be found out just now; it is tried again.
    Unknown {
        /// One word.
        reason: String,
        /// What is in the way.
        message: String,
    },
    /// It will not get there without a change by somebody.
    Stalled {
        /// One word.
        reason: String,
        /// What is wrong and what to do.
        message: String,
    },
}

impl Outcome {
    /// True when it is as its spec asks.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready { .. })
    }

    /// True when trying again is useless until somebody changes something.
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        matches!(self, Self::Stalled { .. })
    }

    /// One word.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Ready { .. } => "AsAsked",
            Self::InProgress { reason, .. } | Self::Unknown { reason, .. } | Self::Stalled { reason, .. } => {
                reason
            }
        }
    }

    /// A sentence for people.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Ready { message }
            | Self::InProgress { message, .. }
            | Self::Unknown { message, .. }
            | Self::Stalled { message, .. } => message,
        }
    }
}

/// The conditions of a resource that stands so: Ready always, Reconciling and Stalled only while true, since kstatus takes
/// their absence for "not". `lastTransitionTime` moves only when a status does, and the order is always the same, so that
/// conditions that say the same are equal. Conditions of other types stay as they are, at the end.
#[must_use]
pub fn conditions(
    outcome: &Outcome,
    previous: &[Condition],
    generation: Option<i64>,
    now: &Time,
) -> Vec<Condition> {
    let condition = |type_: &str, status: &str| {
        let before = previous.iter().find(|condition| condition.type_ == type_);
        let unchanged = before.filter(|before| before.status == status);
        Condition {
            type_: type_.into(),
            status: status.into(),
            reason: outcome.reason().into(),
            message: outcome.message().into(),
            observed_generation: generation,
            last_transition_time: unchanged
                .map_or_else(|| now.clone(), |same| same.last_transition_time.clone()),
        }
    };
    let (ready, also) = match outcome {
        Outcome::Ready { .. } => ("True", None),
        Outcome::InProgress { .. } => ("False", Some(Condition::RECONCILING)),
        Outcome::Unknown { .. } => ("Unknown", Some(Condition::RECONCILING)),
        Outcome::Stalled { .. } => ("False", Some(Condition::STALLED)),
    };
    let ours = [Condition::READY, Condition::RECONCILING, Condition::STALLED];
    let others = previous.iter().filter(|condition| !ours.contains(&condition.type_.as_str()));
    let mut conditions = vec![condition(Condition::READY, ready)];
    conditions.extend(also.map(|also| condition(also, "True")));
    conditions.extend(others.cloned());
    conditions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Time {
        Time(k8s_openapi::jiff::Timestamp::from_second(second).unwrap())
    }

    fn stalled() -> Outcome {
        Outcome::Stalled { reason: "TopicExists".into(), message: "adopt it".into() }
    }

    fn in_progress() -> Outcome {
        Outcome::InProgress { reason: "Creating".into(), message: "making it".into() }
    }

    fn ready() -> Outcome {
        Outcome::Ready { message: "8 queues".into() }
    }

    fn statuses(conditions: &[Condition]) -> Vec<(&str, &str)> {
        conditions.iter().map(|c| (c.type_.as_str(), c.status.as_str())).collect()
    }

    #[test]
    fn each_outcome_has_the_conditions_that_kstatus_reads() {
        let of = |outcome: &Outcome| conditions(outcome, &[], Some(1), &at(1));
        assert_eq!(statuses(&of(&ready())), [("Ready", "True")]);
        assert_eq!(statuses(&of(&in_progress())), [("Ready", "False"), ("Reconciling", "True")]);
        assert_eq!(statuses(&of(&stalled())), [("Ready", "False"), ("Stalled", "True")]);
        let unknown = Outcome::Unknown { reason: "BrokerUnreachable".into(), message: "waiting".into() };
        assert_eq!(statuses(&of(&unknown)), [("Ready", "Unknown"), ("Reconciling", "True")]);
    }

    #[test]
    fn the_time_of_transition_moves_only_with_the_status() {
        let first = conditions(&in_progress(), &[], Some(1), &at(1));
        let second = conditions(&stalled(), &first, Some(1), &at(2));
        assert_eq!(second[0].last_transition_time, at(1), "Ready stays False");
        assert_eq!(second[0].reason, "TopicExists");
        assert_eq!(second[1].last_transition_time, at(2), "Stalled is new");
        let third = conditions(&ready(), &second, Some(2), &at(3));
        assert_eq!(third[0].last_transition_time, at(3));
        assert_eq!(third[0].observed_generation, Some(2));
    }

    #[test]
    fn the_same_outcome_later_is_equal_and_keeps_what_others_wrote() {
        let mut first = conditions(&ready(), &[], Some(1), &at(1));
        first.insert(0, Condition { type_: "Paused".into(), ..first[0].clone() });
        let second = conditions(&ready(), &first, Some(1), &at(2));
        assert_eq!(statuses(&second), [("Ready", "True"), ("Paused", "True")]);
        assert_eq!(conditions(&ready(), &second, Some(1), &at(3)), second);
    }
}
