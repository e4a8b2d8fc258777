//! Why something could not be done: what was tried, with whom. What to do about it is said where it is shown.

use super::RemotingError;
use gantry_message::name::BadName;
use gantry_remoting::{RequestCode, ResponseCode};
use std::fmt;

/// What a client wanted of a topic's queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To send to them.
    Write,
    /// To read from them.
    Read,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Write => "written to",
            Self::Read => "read from",
        })
    }
}

/// Why a client could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// None of the name servers answered.
    #[error("no name server answers: {}", listed(tried))]
    NoNameServer {
        /// What happened at each.
        tried: Vec<RemotingError>,
    },
    /// Something else listens at a name server's address.
    #[error("{addr} answers, but not as a name server does ({code})")]
    NotANameServer {
        /// Who answered.
        addr: String,
        /// With which code.
        code: ResponseCode,
    },
    /// No broker has registered the topic.
    #[error("topic {topic} does not exist: name server {addr} does not know it")]
    UnknownTopic {
        /// The topic.
        topic: String,
        /// The name server that was asked.
        addr: String,
    },
    /// A name server without brokers knows no topic.
    #[error("no broker is registered at name server {addr}")]
    NoBroker {
        /// The name server.
        addr: String,
    },
    /// The topic's brokers are gone, or its permissions forbid it.
    #[error("topic {topic} has no queue that can be {access}")]
    NoQueue {
        /// The topic.
        topic: String,
        /// For what.
        access: Access,
    },
    /// The topic has no such queue.
    #[error("topic {topic} has no queue {wanted}; it has {present}")]
    NoSuchQueue {
        /// The topic.
        topic: String,
        /// As the user named it.
        wanted: String,
        /// The queues there are.
        present: String,
    },
    /// A server said no.
    #[error("{addr} refused {request} with {code}{}", remark_suffix(remark))]
    Refused {
        /// Who.
        addr: String,
        /// What it was asked.
        request: RequestCode,
        /// Its code.
        code: ResponseCode,
        /// Its words, perhaps none.
        remark: String,
    },
    /// A server's answer is not what the protocol says.
    #[error("{addr} answered {request} with something that cannot be read: {what}")]
    BadAnswer {
        /// Who.
        addr: String,
        /// What it was asked.
        request: RequestCode,
        /// What is wrong with the answer.
        what: String,
    },
    /// No connection, or no answer.
    #[error(transparent)]
    Remoting(#[from] RemotingError),
    /// A name that no topic or group can have.
    #[error(transparent)]
    Name(#[from] BadName),
}

fn listed(tried: &[RemotingError]) -> String {
    tried.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// `: words` for a remark, cut to its first line: Java brokers append stack traces.
fn remark_suffix(remark: &str) -> String {
    match remark.lines().next().map(str::trim) {
        None | Some("") => String::new(),
        Some(line) => format!(": {}", line.chars().take(300).collect::<String>()),
    }
}
