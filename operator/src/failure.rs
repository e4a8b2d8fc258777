//! What can go wrong while reconciling.

use std::time::Duration;

/// Why a round did not come to its end. It is tried again, later each time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A request to the API server.
    #[error("cannot {what}: {}", in_words(source))]
    Api {
        /// What was attempted, such as "apply Service demo/main-0".
        what: String,
        /// What came back.
        #[source]
        source: kube::Error,
    },
    /// An object cannot be written as JSON: a bug.
    #[error("cannot serialize {what}: {source}")]
    Serialize {
        /// Which object.
        what: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// An object of that name is there, and it is not ours.
    #[error(
        "{what} is there already and belongs to something else: give this object another name, or delete that"
    )]
    Taken {
        /// Which.
        what: String,
    },
    /// The plan asked for the same again and again: what was applied did not show, or something undoes it.
    #[error("still not as planned after {rounds} rounds; last step: {last}")]
    Unsettled {
        /// How many.
        rounds: usize,
        /// What it wanted to do last.
        last: String,
    },
}

impl Failure {
    pub(crate) fn api(what: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let what = what.into();
        move |source| Self::Api { what, source }
    }

    /// The label of the metric.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Api { source: kube::Error::Api(status), .. } => match status.code {
                401 | 403 => "forbidden",
                409 => "conflict",
                400 | 422 => "invalid",
                429 => "throttled",
                _ => "api",
            },
            Self::Api { .. } => "unreachable",
            Self::Serialize { .. } => "bug",
            Self::Taken { .. } => "taken",
            Self::Unsettled { .. } => "unsettled",
        }
    }

    /// The API server understood the request and will refuse it again unless somebody changes something.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.kind(), "forbidden" | "invalid" | "taken")
    }

    /// Two writers met: worth another try at once.
    pub(crate) fn is_conflict(&self) -> bool {
        self.kind() == "conflict"
    }
}

/// The API server's own sentence, where it has one: the rest of its answer is for programs.
fn in_words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        other => other.to_string(),
    }
}

/// When an object that needs no work is looked at again, in case a watch missed something.
pub(crate) const RESYNC: Duration = Duration::from_secs(300);
