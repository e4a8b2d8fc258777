//! Why an admin call failed.

use gantry_remoting::{RequestCode, ResponseCode, client};

/// A call that failed: who was asked what, and what came back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no connection, or no answer in time. The call may have been carried out.
    #[error("{call} to {broker}: {source}")]
    Unreachable {
        /// The server's address.
        broker: String,
        /// What was asked.
        call: RequestCode,
        /// What went wrong.
        source: client::Error,
    },
    /// The server cannot do it now.
    #[error("{broker} is too busy for {call}: {answer} ({code})")]
    Busy {
        /// The server's address.
        broker: String,
        /// What was asked.
        call: RequestCode,
        /// The code of the answer.
        code: ResponseCode,
        /// Its text.
        answer: String,
    },
    /// The server says no, and would say so again.
    #[error("{broker} refuses {call}: {answer} ({code})")]
    Refused {
        /// The server's address.
        broker: String,
        /// What was asked.
        call: RequestCode,
        /// The code of the answer.
        code: ResponseCode,
        /// Its text.
        answer: String,
    },
    /// The answer cannot be read.
    #[error("{broker} answers {call} with something else than expected: {what}")]
    Malformed {
        /// The server's address.
        broker: String,
        /// What was asked.
        call: RequestCode,
        /// What cannot be read.
        what: String,
    },
}

impl Error {
    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Busy { .. })
    }

    /// One word for a condition's reason and a metric's label.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "BrokerUnreachable",
            Self::Busy { .. } => "BrokerBusy",
            Self::Refused { .. } => "BrokerRefused",
            Self::Malformed { .. } => "BrokerNotUnderstood",
        }
    }
}
