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
use crate::topics::Topic;
use gantry_message::name;
use gantry_remoting::ResponseCode;
use gantry_remoting::reply::{Outbound, Refusal, ReplyTo};
use std::sync::Arc;

/// More queues than anybody has: a typing error must not fill the memory.
const MAX_QUEUES: i32 = 65_536;

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

/// Has a thread that may wait write the answer to `to`.
fn in_background(
    session: &BrokerSession,
    to: ReplyTo,
    answer: impl FnOnce(&Broker, &mut Outbound) + Send + 'static,
) {
    let (broker, peer) = (Arc::clone(&session.broker), Arc::clone(&session.peer));
    let under_way = peer.in_background();
    tokio::task::spawn_blocking(move || {
        let mut out = Outbound::default();
        if peer.is_behind() {
            out.refuse(to, ResponseCode::SYSTEM_BUSY, "read the answers that wait for you first");
        } else {
            answer(&broker, &mut out);
        }
        // A client that is gone needs no answer.
        let _ = peer.send(&mut out);
        drop(under_way);
    });
}

/// True for a queue that the topic has, or had before it was scaled.
fn has_queue(topic: &Topic, id: i32) -> bool {
    let config = topic.config();
    let was_scaled = || topic.scales.now().is_some_and(|state| id < state.widest);
    id >= 0 && (id < config.read_queue_nums.max(config.write_queue_nums) || was_scaled())
}

fn check_group_name(name: &str) -> Result<(), Refusal> {
    name::check_group(name).map_err(|error| Refusal::new(ResponseCode::INVALID_PARAMETER, error.to_string()))
}
