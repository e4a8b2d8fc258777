//! Looking inside: the entries of a queue, replication status.

use super::{failed, no_topic};
use crate::broker::Broker;
use gantry_remoting::Command;
use gantry_remoting::header::{FromFields as _, QueryConsumeQueue};
use gantry_remoting::reply::{Answer, Refusal};
use gantry_store::QueueOffset;
use serde::Serialize;

/// QUERY_CONSUME_QUEUE.
pub(crate) fn query_consume_queue(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Entry {
        physic_offset: i64,
        physic_size: i32,
        tags_code: i64,
        eval: bool,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        queue_data: Vec<Entry>,
        max_queue_index: i64,
        min_queue_index: i64,
    }
    /// More than anybody looks at.
    const MAX_ENTRIES: i64 = 1000;
    let header = QueryConsumeQueue::from_fields(command.ext)?;
    let queue = broker
        .store
        .existing_queue(header.topic, header.queue_id)
        .ok_or_else(|| no_topic(&format!("{}, queue {}", header.topic, header.queue_id)))?;
    let (min, max) = (queue.min_offset().0, broker.store.max_offset(&queue).0);
    let start = header.index.clamp(min, max);
    let mut queue_data = Vec::new();
    for offset in start..max.min(start + i64::from(header.count).clamp(0, MAX_ENTRIES)) {
        if let Some(entry) = broker.store.entry(&queue, QueueOffset(offset)).map_err(failed)? {
            queue_data.push(Entry {
                physic_offset: entry.physical_offset.0,
                physic_size: entry.size,
                tags_code: entry.tag_code,
                eval: false,
            });
        }
    }
    Ok(Answer::json(&Body { queue_data, max_queue_index: max, min_queue_index: min }))
}

/// GET_BROKER_HA_STATUS: a broker without replicas is its own master.
pub(crate) fn ha_status(broker: &Broker) -> Result<Answer, Refusal> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        master: bool,
        master_commit_log_max_offset: i64,
        in_sync_slave_nums: i32,
        ha_connection_info: [(); 0],
    }
    Ok(Answer::json(&Body {
        master: true,
        master_commit_log_max_offset: broker.store.stats().log_end.0,
        in_sync_slave_nums: 0,
        ha_connection_info: [],
    }))
}
