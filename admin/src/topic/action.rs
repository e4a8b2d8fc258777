//! What is done to a topic on a broker.

use crate::admin::{Admin, Scale};
use crate::error::Error;
use gantry_remoting::body::TopicConfig;
use std::fmt;
use std::ops::Range;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Makes the topic, or changes it.
    Put {
        /// The broker's name in the spec.
        broker: String,
        /// Its address.
        addr: String,
        /// The settings afterwards.
        config: TopicConfig,
        /// Changes of attributes in mqadmin's form.
        attributes: String,
        /// What is done, for people.
        what: String,
    },
    /// Begins to change the number of an ordered topic's queues.
    BeginScale {
        /// The broker's name in the spec.
        broker: String,
        /// Its address.
        addr: String,
        /// The change.
        scale: Scale,
    },
    /// Gives such a change up.
    AbortScale {
        /// The broker's name in the spec.
        broker: String,
        /// Its address.
        addr: String,
        /// The change.
        id: String,
        /// Why.
        why: String,
    },
    /// Ends such a change.
    OpenScale {
        /// The broker's name in the spec.
        broker: String,
        /// Its address.
        addr: String,
        /// The change.
        id: String,
        /// What it comes to.
        what: String,
    },
    /// Ends such a change on a broker that knows nothing of it.
    OpenClassic {
        /// The broker's name in the spec.
        broker: String,
        /// Its address.
        addr: String,
        /// The settings afterwards.
        config: TopicConfig,
        /// Groups that are put to the beginning of the new queues before, where they have no place yet.
        groups: Vec<String>,
        /// The new queues.
        new_queues: Range<i32>,
        /// What it comes to.
        what: String,
    },
    /// Deletes the topic and its messages.
    Delete {
        /// The broker's name in the spec.
        broker: String,
        /// Its address.
        addr: String,
        /// The settings until then.
        config: TopicConfig,
    },
    /// Has name servers forget the deleted topic.
    DeleteRoute {
        /// Their addresses.
        name_servers: Vec<String>,
    },
}

impl Action {
    /// The broker that it is for; none for name servers.
    pub(super) fn broker(&self) -> &str {
        match self {
            Self::Put { broker, .. }
            | Self::BeginScale { broker, .. }
            | Self::AbortScale { broker, .. }
            | Self::OpenScale { broker, .. }
            | Self::OpenClassic { broker, .. }
            | Self::Delete { broker, .. } => broker,
            Self::DeleteRoute { .. } => "",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { broker, what, .. } => write!(f, "{broker}: {what}"),
            Self::BeginScale { broker, scale: Scale { from, to, .. }, .. } => {
                write!(f, "{broker}: scaling from {from} to {to} queues begun")
            }
            Self::AbortScale { broker, why, .. } => write!(f, "{broker}: scaling given up: {why}"),
            Self::OpenScale { broker, what, .. } | Self::OpenClassic { broker, what, .. } => {
                write!(f, "{broker}: {what}")
            }
            Self::Delete { broker, .. } => write!(f, "{broker}: deleted with its messages"),
            Self::DeleteRoute { name_servers } => {
                write!(f, "route deleted on {}", name_servers.join(", "))
            }
        }
    }
}

pub(super) async fn apply<A: Admin>(admin: &A, topic: &str, action: &Action) -> Result<(), Error> {
    match action {
        Action::Put { addr, config, attributes, .. } => admin.put_topic(addr, config, attributes).await,
        Action::BeginScale { addr, scale, .. } => admin.begin_scale(addr, topic, scale).await,
        Action::AbortScale { addr, id, .. } => admin.abort_scale(addr, topic, id).await,
        Action::OpenScale { addr, id, .. } => admin.open_scale(addr, topic, id).await,
        Action::OpenClassic { addr, config, groups, new_queues, .. } => {
            for group in groups {
                for queue in new_queues.clone() {
                    if admin.committed(addr, group, topic, queue).await?.is_none() {
                        admin.commit_offset(addr, group, topic, queue, 0).await?;
                    }
                }
            }
            admin.put_topic(addr, config, "").await
        }
        Action::Delete { addr, config, .. } => {
            // Name servers keep the routes of topics that a broker deleted. The last that they hear is that nobody may
            // use it: otherwise a producer would make the topic anew by its next message.
            admin.put_topic(addr, &TopicConfig { perm: 0, ..config.clone() }, "").await?;
            admin.delete_topic(addr, topic).await
        }
        Action::DeleteRoute { name_servers } => {
            for name_server in name_servers {
                // The topic is gone either way, and a name server that starts later does not know it.
                if let Err(error) = admin.delete_route(name_server, topic).await {
                    tracing::warn!(%error, topic, "a name server still lists the deleted topic");
                }
            }
            Ok(())
        }
    }
}
