//! What was found about each broker, put together into one outcome.

use crate::conditions::Outcome;
use crate::observed::Trouble;

/// How bad a finding is; the worst decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// It cannot be found out now.
    Unknown,
    /// It is being changed, or waited for.
    InProgress,
    /// Somebody has to change something.
    Stalled,
}

/// Findings about brokers, in the order of the spec.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings(Vec<(Weight, String, String)>);

/// More are counted, not listed: a condition is read by people.
const LISTED: usize = 4;

impl Findings {
    pub(crate) fn add(
        &mut self,
        weight: Weight,
        reason: &str,
        broker: &str,
        message: impl std::fmt::Display,
    ) {
        self.0.push((weight, reason.to_owned(), format!("{broker}: {message}")));
    }

    /// A finding about the resource as a whole.
    pub(crate) fn add_overall(&mut self, weight: Weight, reason: &str, message: impl Into<String>) {
        self.0.push((weight, reason.to_owned(), message.into()));
    }

    pub(crate) fn trouble(&mut self, broker: &str, trouble: &Trouble) {
        let weight = if trouble.transient { Weight::Unknown } else { Weight::Stalled };
        self.add(weight, trouble.reason, broker, &trouble.message);
    }

    pub(crate) fn gone(&mut self, broker: &str) {
        self.add(
            Weight::InProgress,
            "BrokerGroupNotFound",
            broker,
            "there is no such BrokerGroup here; waiting for it: make it, or take it out of the spec",
        );
    }

    /// The outcome; `ready` says what is the case when nothing was found.
    pub(crate) fn outcome(self, ready: impl FnOnce() -> String) -> Outcome {
        let mut found = self.0;
        // Stable: brokers keep their order.
        found.sort_by_key(|finding| std::cmp::Reverse(finding.0));
        let Some((weight, reason, _)) = found.first().cloned() else {
            return Outcome::Ready { message: ready() };
        };
        let mut message: Vec<_> = found.iter().take(LISTED).map(|finding| finding.2.as_str()).collect();
        let more = format!("and {} more", found.len().saturating_sub(LISTED));
        if found.len() > LISTED {
            message.push(&more);
        }
        let message = message.join("; ");
        match weight {
            Weight::Unknown => Outcome::Unknown { reason, message },
            Weight::InProgress => Outcome::InProgress { reason, message },
            Weight::Stalled => Outcome::Stalled { reason, message },
        }
    }
}
