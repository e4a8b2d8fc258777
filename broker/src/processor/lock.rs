//! Queue locks of orderly consumers.

use super::{check_group_name, has_queue};
use crate::broker::Broker;
use gantry_remoting::body::{LockBatchRequest, LockBatchResponse};
use gantry_remoting::reply::{Answer, Refusal};
use gantry_remoting::{Command, fastjson};
use std::time::Instant;

pub(crate) fn lock(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let mut body: LockBatchRequest = fastjson::from_request(command.body)?;
    check_group_name(&body.consumer_group)?;
    // Locks are kept in memory: only what somebody can read has any. A group that may not be is none that can.
    let is_known = broker.groups.find(&body.consumer_group).is_some();
    let topic = |name: &str| broker.topics.get(name);
    body.mq_set.retain(|queue| {
        is_known && topic(&queue.topic).is_some_and(|topic| has_queue(&topic, queue.queue_id))
    });
    let locked = broker.locks.lock(&body.consumer_group, &body.client_id, body.mq_set, Instant::now());
    Ok(Answer::json(&LockBatchResponse { locked }))
}

pub(crate) fn unlock(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let body: LockBatchRequest = fastjson::from_request(command.body)?;
    broker.locks.unlock(&body.consumer_group, &body.client_id, &body.mq_set);
    Ok(Answer::ok())
}
