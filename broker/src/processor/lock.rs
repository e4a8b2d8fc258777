//! Queue locks of orderly consumers.

use super::{MAX_QUEUES, check_group_name};
use crate::broker::Broker;
use gantry_remoting::body::{LockBatchRequest, LockBatchResponse};
use gantry_remoting::reply::{Answer, Refusal};
use gantry_remoting::{Command, fastjson};
use std::time::Instant;

pub(crate) fn lock(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let mut body: LockBatchRequest = fastjson::from_request(command.body)?;
    check_group_name(&body.consumer_group)?;
    // Locks are kept in memory: of topics that are not there are none. A queue that is not there can be locked, as with Apache.
    let is_known = broker.groups.find(&body.consumer_group).is_some();
    body.mq_set.retain(|queue| {
        is_known && (0..MAX_QUEUES).contains(&queue.queue_id) && broker.topics.get(&queue.topic).is_some()
    });
    let locked = broker.locks.lock(&body.consumer_group, &body.client_id, body.mq_set, Instant::now());
    Ok(Answer::json(&LockBatchResponse { locked }))
}

pub(crate) fn unlock(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let body: LockBatchRequest = fastjson::from_request(command.body)?;
    broker.locks.unlock(&body.consumer_group, &body.client_id, &body.mq_set);
    Ok(Answer::ok())
}
