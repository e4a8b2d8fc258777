//! Consumer offsets and the bounds of queues (Apache: `ConsumerManageProcessor`, `AdminBrokerProcessor`).

use super::{check_group_name, failed, has_queue, no_topic};
use crate::broker::Broker;
use crate::scaling;
use gantry_remoting::body::TopicList;
use gantry_remoting::header::{
    CloneGroupOffset, FromFields as _, GroupName, QueryConsumerOffset, QueueBound, SearchOffset,
    UpdateConsumerOffset,
};
use gantry_remoting::reply::{Answer, Refusal};
use gantry_remoting::{Command, ResponseCode};
use gantry_store::{Boundary, QueueOffset};

/// Where a group shall start. One that never was here starts at 0 when nothing was ever deleted and the first message is
/// still in memory: a young topic is read whole even by groups that want only what is new.
pub(crate) fn query_offset(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = QueryConsumerOffset::from_fields(command.ext)?;
    if let Some(offset) = scaling::start(broker, header.consumer_group, header.topic, header.queue_id) {
        return Ok(Answer::ok().with("offset", offset));
    }
    if let Some(offset) = broker.offsets.get(header.consumer_group, header.topic, header.queue_id) {
        return Ok(Answer::ok().with("offset", offset));
    }
    let young = header.set_zero_if_not_found != Some(false)
        && match broker.store.existing_queue(header.topic, header.queue_id) {
            Some(queue) => {
                queue.min_offset() <= QueueOffset(0)
                    && broker.store.is_in_memory(&queue, QueueOffset(0)).map_err(failed)?
            }
            None => false,
        };
    if young {
        return Ok(Answer::ok().with("offset", 0));
    }
    Err(Refusal::new(ResponseCode::QUERY_NOT_FOUND, "Not found, maybe this group consumer boot first"))
}

pub(crate) fn update_offset(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = UpdateConsumerOffset::from_fields(command.ext)?;
    if broker.groups.get(header.consumer_group).is_none() {
        return Err(Refusal::new(
            ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
            format!("Group {} not exist!", header.consumer_group),
        ));
    }
    let topic = broker.topics.get(header.topic).ok_or_else(|| {
        Refusal::new(ResponseCode::TOPIC_NOT_EXIST, format!("Topic {} not exist!", header.topic))
    })?;
    if !has_queue(&topic, header.queue_id) {
        return Err(failed(format!("topic {} has no queue {}", header.topic, header.queue_id)));
    }
    if header.commit_offset < 0 {
        return Err(Refusal::new(ResponseCode::SYSTEM_ERROR, "an offset cannot be negative"));
    }
    if !broker.offsets.has_reset(header.consumer_group, header.topic, header.queue_id) {
        scaling::commit(broker, &topic, header.consumer_group, header.queue_id, header.commit_offset)?;
    }
    Ok(Answer::ok())
}

pub(crate) fn max_offset(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = QueueBound::from_fields(command.ext)?;
    let queue = broker.store.existing_queue(header.topic, header.queue_id);
    Ok(Answer::ok().with("offset", queue.map_or(0, |queue| broker.store.max_offset(&queue).0)))
}

pub(crate) fn min_offset(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = QueueBound::from_fields(command.ext)?;
    let queue = broker.store.existing_queue(header.topic, header.queue_id);
    Ok(Answer::ok().with("offset", queue.map_or(0, |queue| queue.min_offset().0)))
}

pub(crate) fn search_offset(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = SearchOffset::from_fields(command.ext)?;
    let upper = header.boundary_type.is_some_and(|kind| kind.eq_ignore_ascii_case("UPPER"));
    let boundary = if upper { Boundary::Upper } else { Boundary::Lower };
    let offset = match broker.store.existing_queue(header.topic, header.queue_id) {
        Some(queue) => broker.store.search_offset(&queue, header.timestamp, boundary).map_err(failed)?.0,
        None => 0,
    };
    Ok(Answer::ok().with("offset", offset))
}

pub(crate) fn earliest_store_time(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = QueueBound::from_fields(command.ext)?;
    let queue =
        broker.store.existing_queue(header.topic, header.queue_id).ok_or_else(|| no_topic(header.topic))?;
    let stored = broker.store.store_timestamp(&queue, queue.min_offset()).map_err(failed)?;
    Ok(Answer::ok().with("timestamp", stored.unwrap_or(-1)))
}

/// Topics that a group has offsets of.
pub(crate) fn topics_by_consumer(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let group = GroupName::from_fields(command.ext)?.group;
    let broker_addr = Some(broker.config().advertised().to_string());
    Ok(Answer::json(&TopicList { broker_addr, topic_list: broker.offsets.topics_of(group) }))
}

/// Brings a group to where another is.
pub(crate) fn clone_offsets(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = CloneGroupOffset::from_fields(command.ext)?;
    check_group_name(header.dest_group)?;
    let topics = match header.topic.map(str::trim).filter(|topic| !topic.is_empty()) {
        Some(topic) => vec![topic.to_owned()],
        None => broker.offsets.topics_of(header.src_group),
    };
    let subscribed = broker.consumers.connection(header.src_group).map(|all| all.subscription_table);
    for name in topics {
        let Some(topic) = broker.topics.get(&name) else { continue };
        // A group that is online may have left the topic, and its offsets are of long ago.
        let has_left = subscribed.as_ref().is_some_and(|all| !all.is_empty() && !all.contains_key(&name));
        if has_left && !header.offline {
            tracing::warn!(
                group = header.src_group,
                topic = name,
                "offsets of a topic that the group does not read"
            );
            continue;
        }
        let queues = topic.config().read_queue_nums;
        for queue in 0..queues {
            if let Some(offset) = broker.offsets.get(header.src_group, &name, queue) {
                scaling::commit(broker, &topic, header.dest_group, queue, offset)?;
                broker.pops.moved(broker, header.dest_group, &name, queue, offset)?;
            }
        }
    }
    tracing::info!(from = header.src_group, to = header.dest_group, topic = header.topic, "offsets cloned");
    Ok(Answer::ok())
}
