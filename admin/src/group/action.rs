//! What is done to a group on a broker.

use crate::admin::Admin;
use crate::error::Error;
use gantry_message::name;
use gantry_remoting::body::SubscriptionGroupConfig;
use std::fmt;

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Makes the group, or changes its settings.
    Put {
        /// The broker's name in the spec.
        broker: String,
        /// Its address.
        addr: String,
        /// The settings afterwards.
        config: Box<SubscriptionGroupConfig>,
        /// What is done, for people.
        what: String,
    },
    /// Moves the group in some topics.
    Reset {
        /// The broker's name in the spec.
        broker: String,
        /// Its address.
        addr: String,
        /// The topics.
        topics: Vec<String>,
        /// Where to, as [`Admin::reset_offset`] takes it.
        timestamp: i64,
    },
    /// Deletes the group, its offsets and its retry topic. The dead letter topic stays: what is in it was given up by the
    /// consumers and is for people to look at.
    Delete {
        /// The broker's name in the spec.
        broker: String,
        /// Its address.
        addr: String,
    },
}

impl Action {
    /// The broker that it is for.
    pub(super) fn broker(&self) -> &str {
        match self {
            Self::Put { broker, .. } | Self::Reset { broker, .. } | Self::Delete { broker, .. } => broker,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { broker, what, .. } => write!(f, "{broker}: {what}"),
            Self::Reset { broker, topics, timestamp, .. } => {
                let to = match timestamp {
                    ..0 => "the end".into(),
                    0 => "the first message".into(),
                    after => format!("messages stored from {after} ms"),
                };
                let topics = if topics.is_empty() { "no topic".into() } else { topics.join(", ") };
                write!(f, "{broker}: offsets moved to {to} in {topics}")
            }
            Self::Delete { broker, .. } => write!(f, "{broker}: group deleted with its offsets"),
        }
    }
}

pub(super) async fn apply<A: Admin>(admin: &A, group: &str, action: &Action) -> Result<(), Error> {
    match action {
        Action::Put { addr, config, .. } => admin.put_group(addr, config).await,
        Action::Reset { addr, topics, timestamp, .. } => {
            for topic in topics {
                admin.reset_offset(addr, group, topic, *timestamp).await?;
            }
            Ok(())
        }
        Action::Delete { addr, .. } => {
            // The group last: while it is there, this is tried again.
            admin.delete_topic(addr, &name::retry_topic(group)).await?;
            admin.delete_group(addr, group, true).await
        }
    }
}
