//! Where queues and groups stand.

use super::{failed, no_topic};
use crate::broker::Broker;
use crate::clock::now_ms;
use gantry_remoting::Command;
use gantry_remoting::body::{
    ConsumeStats, GroupList, MessageQueue, OffsetWrapper, QueueMap, TopicOffset, TopicStatsTable,
};
use gantry_remoting::header::{FromFields as _, GetConsumeStats, GroupTopic, TopicName};
use gantry_remoting::reply::{Answer, Refusal};
use gantry_store::QueueOffset;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) fn topic_stats(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let topic = TopicName::from_fields(command.ext)?.topic;
    let found = broker.topics.get(topic).ok_or_else(|| no_topic(topic))?;
    let config = found.config();
    let mut table =
        TopicStatsTable { topic_put_tps: found.traffic().put_per_second(), ..TopicStatsTable::default() };
    for queue_id in 0..config.write_queue_nums.max(config.read_queue_nums) {
        let mut offset = TopicOffset::default();
        if let Some(queue) = broker.store.existing_queue(topic, queue_id) {
            let max = broker.store.max_offset(&queue);
            offset.min_offset = queue.min_offset().0;
            offset.max_offset = max.0;
            offset.last_update_timestamp = stored_at(broker, &queue, QueueOffset(max.0 - 1))?;
        }
        table.offset_table.0.insert(message_queue(broker, topic, queue_id), offset);
    }
    Ok(Answer::json(&table))
}

pub(crate) fn consume_stats(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = GetConsumeStats::from_fields(command.ext)?;
    let group = header.consumer_group;
    let topics = match header.topic.filter(|topic| !topic.is_empty()) {
        Some(topic) => vec![topic.to_owned()],
        None => broker.offsets.topics_of(group),
    };
    let mut stats = ConsumeStats::default();
    for topic in topics {
        stats.consume_tps += got_per_second(broker, group, &topic);
        stats.offset_table.0.extend(group_in_topic(broker, group, &topic)?.0);
    }
    Ok(Answer::json(&stats))
}

/// Messages a second that a group got of a topic, over the last minute.
fn got_per_second(broker: &Broker, group: &str, topic: &str) -> f64 {
    broker.topics.get(topic).map_or(0.0, |topic| topic.traffic().got_per_second(group))
}

/// Where a group stands in each queue of a topic that it can or will read; nothing when the topic is gone.
fn group_in_topic(broker: &Broker, group: &str, topic: &str) -> Result<QueueMap<OffsetWrapper>, Refusal> {
    let mut table = QueueMap::default();
    let Some(found) = broker.topics.get(topic) else { return Ok(table) };
    let config = found.config();
    // What waits in front of a gate counts, too.
    let queues = found.scales.now().and_then(|state| state.readable()).unwrap_or(0);
    for queue_id in 0..queues.max(config.read_queue_nums) {
        // A group that never was here has consumed nothing.
        let consumed = broker.offsets.get(group, topic, queue_id).unwrap_or(0);
        let asked = found.asked(group, queue_id).unwrap_or(consumed);
        let mut wrapper = OffsetWrapper {
            consumer_offset: consumed,
            pull_offset: asked.max(consumed),
            ..OffsetWrapper::default()
        };
        if let Some(queue) = broker.store.existing_queue(topic, queue_id) {
            wrapper.broker_offset = broker.store.max_offset(&queue).0;
            wrapper.last_timestamp = stored_at(broker, &queue, QueueOffset(consumed - 1))?;
        }
        table.0.insert(message_queue(broker, topic, queue_id), wrapper);
    }
    Ok(table)
}

/// GET_BROKER_CONSUME_STATS: every group in every topic that it has offsets of.
pub(crate) fn broker_consume_stats(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        broker_addr: String,
        consume_stats_list: Vec<BTreeMap<String, Vec<ConsumeStats>>>,
        total_diff: i64,
        total_inflight_diff: i64,
    }
    let only_ordered = command.ext.find("isOrder").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let mut body = Body {
        broker_addr: broker.config().advertised().to_string(),
        consume_stats_list: Vec::new(),
        total_diff: 0,
        total_inflight_diff: 0,
    };
    for group in broker.groups.table().subscription_group_table.into_keys() {
        let mut list = Vec::new();
        for topic in broker.offsets.topics_of(&group) {
            let Some(config) = broker.topics.get(&topic).map(|topic| topic.config()) else { continue };
            if only_ordered && !config.order {
                continue;
            }
            let offset_table = group_in_topic(broker, &group, &topic)?;
            body.total_diff +=
                offset_table.0.values().map(|w| w.broker_offset - w.consumer_offset).sum::<i64>();
            let consume_tps = got_per_second(broker, &group, &topic);
            list.push(ConsumeStats { consume_tps, offset_table });
        }
        if !list.is_empty() {
            body.consume_stats_list.push(BTreeMap::from([(group, list)]));
        }
    }
    Ok(Answer::json(&body))
}

/// How far back in time a group is, queue by queue.
pub(crate) fn consume_time_span(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Span {
        message_queue: MessageQueue,
        min_time_stamp: i64,
        max_time_stamp: i64,
        consume_time_stamp: i64,
        delay_time: i64,
    }
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        consume_time_span_set: Vec<Span>,
    }
    let header = GroupTopic::from_fields(command.ext)?;
    let config = broker.topics.get(header.topic).ok_or_else(|| no_topic(header.topic))?.config();
    let mut spans = Vec::new();
    for queue_id in 0..config.write_queue_nums {
        let mut span = Span {
            message_queue: message_queue(broker, header.topic, queue_id),
            min_time_stamp: -1,
            max_time_stamp: -1,
            consume_time_stamp: -1,
            delay_time: 0,
        };
        if let Some(queue) = broker.store.existing_queue(header.topic, queue_id) {
            let max = broker.store.max_offset(&queue);
            let consumed = broker.offsets.get(header.group, header.topic, queue_id).unwrap_or(-1);
            span.min_time_stamp = stored_at(broker, &queue, queue.min_offset())?;
            span.max_time_stamp = stored_at(broker, &queue, QueueOffset(max.0 - 1))?;
            span.consume_time_stamp = match consumed {
                1.. => stored_at(broker, &queue, QueueOffset(consumed - 1))?,
                _ => span.min_time_stamp,
            };
            if consumed < max.0 {
                span.delay_time = now_ms() - stored_at(broker, &queue, QueueOffset(consumed.max(0)))?;
            }
        }
        spans.push(span);
    }
    Ok(Answer::json(&Body { consume_time_span_set: spans }))
}

/// Groups that read a topic now, or did and left their offsets.
pub(crate) fn consumed_by(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let topic = TopicName::from_fields(command.ext)?.topic;
    let groups: BTreeSet<_> =
        broker.consumers.groups_of(topic).into_iter().chain(broker.offsets.groups_of(topic)).collect();
    Ok(Answer::json(&GroupList { group_list: groups.into_iter().collect() }))
}

fn message_queue(broker: &Broker, topic: &str, queue_id: i32) -> MessageQueue {
    MessageQueue { broker_name: broker.config().broker_name.clone(), queue_id, topic: topic.into() }
}

/// Store time of a message; 0 when it is gone.
fn stored_at(
    broker: &Broker,
    queue: &gantry_store::ConsumeQueue,
    offset: QueueOffset,
) -> Result<i64, Refusal> {
    if offset < QueueOffset(0) {
        return Ok(0);
    }
    Ok(broker.store.store_timestamp(queue, offset).map_err(failed)?.unwrap_or(0))
}
