//! What each request does, by subject.

mod client;
mod flush_wait;
mod group;
mod inspect;
mod lock;
mod offset;
mod pull;
mod query;
mod relay;
mod reset;
mod runtime;
mod scale;
mod send;
mod send_back;
mod stats;
mod topic;
mod transaction;

pub(crate) use client::*;
pub(crate) use flush_wait::*;
pub(crate) use group::*;
pub(crate) use inspect::*;
pub(crate) use lock::*;
pub(crate) use offset::*;
pub(crate) use pull::*;
pub(crate) use query::*;
pub(crate) use relay::*;
pub(crate) use reset::*;
pub(crate) use runtime::*;
pub(crate) use scale::*;
pub(crate) use send::*;
pub(crate) use send_back::*;
pub(crate) use stats::*;
pub(crate) use topic::*;
pub(crate) use transaction::*;

use crate::broker::Broker;
use crate::topics::Topic;
use gantry_remoting::ResponseCode;
use gantry_remoting::body::TopicConfig;
use gantry_remoting::reply::Refusal;
use std::sync::Arc;

/// Apache points its users here from every topic refusal; its client prints the text as it is.
const SEE_ALSO: &str = " See https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";

fn no_topic(topic: &str) -> Refusal {
    Refusal::new(
        ResponseCode::TOPIC_NOT_EXIST,
        format!("topic[{topic}] not exist, apply first please!{SEE_ALSO}"),
    )
}

/// A topic that the system makes for itself when it needs it first.
pub(crate) fn system_topic(broker: &Broker, topic: &str) -> Result<Arc<Topic>, Refusal> {
    let (topic, is_new) = broker.topics.get_or_create(topic, || TopicConfig::new(topic, 1, 6))?;
    if is_new {
        broker.registration.topics_changed();
    }
    Ok(topic)
}

fn failed(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(ResponseCode::SYSTEM_ERROR, error.to_string())
}
