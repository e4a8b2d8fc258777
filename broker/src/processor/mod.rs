//! What each request does, by subject.

mod ack;
mod append;
mod assignment;
mod client;
mod flush_wait;
mod group;
mod inspect;
mod lock;
mod offset;
mod pop;
mod pull;
mod query;
mod recall;
mod relay;
mod reply;
mod reset;
mod runtime;
mod scale;
mod send;
mod send_back;
mod stats;
mod topic;
mod transaction;

pub(crate) use ack::*;
pub(crate) use append::*;
pub(crate) use assignment::*;
pub(crate) use client::*;
pub(crate) use flush_wait::*;
pub(crate) use group::*;
pub(crate) use inspect::*;
pub(crate) use lock::*;
pub(crate) use offset::*;
pub(crate) use pop::*;
pub(crate) use pull::*;
pub(crate) use query::*;
pub(crate) use recall::*;
pub(crate) use relay::*;
pub(crate) use reply::*;
pub(crate) use reset::*;
pub(crate) use runtime::*;
pub(crate) use scale::*;
pub(crate) use send::*;
pub(crate) use send_back::*;
pub(crate) use stats::*;
pub(crate) use topic::*;
pub(crate) use transaction::*;

use crate::broker::Broker;
use crate::session::BrokerSession;
use gantry_remoting::ResponseCode;
use gantry_remoting::reply::{Outbound, Refusal};
use std::sync::Arc;

/// Apache points its users here from every topic refusal; its client prints the text as it is.
const SEE_ALSO: &str = " See https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";

fn no_topic(topic: &str) -> Refusal {
    Refusal::new(
        ResponseCode::TOPIC_NOT_EXIST,
        format!("topic[{topic}] not exist, apply first please!{SEE_ALSO}"),
    )
}

fn failed(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(ResponseCode::SYSTEM_ERROR, error.to_string())
}

/// Has a thread that may wait write an answer.
fn in_background(session: &BrokerSession, answer: impl FnOnce(&Broker, &mut Outbound) + Send + 'static) {
    let (broker, peer) = (Arc::clone(&session.broker), Arc::clone(&session.peer));
    tokio::task::spawn_blocking(move || {
        let mut out = Outbound::default();
        answer(&broker, &mut out);
        // A client that is gone needs no answer.
        let _ = peer.send(&mut out);
    });
}
