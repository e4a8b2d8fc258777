//! Queue locks of orderly consumers.

use crate::broker::Broker;
use gantry_remoting::body::{LockBatchRequest, LockBatchResponse};
use gantry_remoting::reply::{Answer, Refusal};
use gantry_remoting::{Command, fastjson};
use std::time::Instant;

pub(crate) fn lock(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let body: LockBatchRequest = fastjson::from_slice(command.body)?;
    let locked = broker.locks.lock(&body.consumer_group, &body.client_id, body.mq_set, Instant::now());
    Ok(Answer::json(&LockBatchResponse { locked }))
}

pub(crate) fn unlock(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let body: LockBatchRequest = fastjson::from_slice(command.body)?;
    broker.locks.unlock(&body.consumer_group, &body.client_id, &body.mq_set);
    Ok(Answer::ok())
}
