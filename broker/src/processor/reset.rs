//! Resetting a group's offsets on the broker (Apache: `AdminBrokerProcessor.resetOffsetInner`).
//!
//! The new offset is committed and kept as pending; the group's next pull of the queue is told to move there. Until then
//! commits of the queue are ignored: they would bring the old place back.

use super::{SEE_ALSO, failed, has_queue, no_topic};
use crate::broker::Broker;
use crate::scaling;
use gantry_remoting::body::{MessageQueue, QueueMap};
use gantry_remoting::header::{FromFields as _, ResetOffset};
use gantry_remoting::reply::{Answer, Refusal};
use gantry_remoting::{Command, ResponseCode};
use gantry_store::Boundary;

pub(crate) fn reset_offset(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        offset_table: QueueMap<i64>,
    }
    let header = ResetOffset::from_fields(command.ext)?;
    let (topic, group) = (header.topic, header.group);
    let found = broker.topics.get(topic).ok_or_else(|| no_topic(topic))?;
    if broker.groups.get(group).is_none() {
        return Err(Refusal::new(
            ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST,
            format!("Group {group} not exist!{SEE_ALSO}"),
        ));
    }
    let queues = match header.queue_id {
        Some(id) if id >= 0 && !has_queue(&found, id) => {
            return Err(Refusal::new(
                ResponseCode::INVALID_PARAMETER,
                format!("topic {topic} has no queue {id}"),
            ));
        }
        Some(id) if id >= 0 => id..id.saturating_add(1),
        _ => 0..found.config().read_queue_nums,
    };
    let mut table = QueueMap::default();
    for queue_id in queues {
        let queue = broker.store.existing_queue(topic, queue_id);
        let (min, max) = queue.as_ref().map_or((0, 0), |q| (q.min_offset().0, broker.store.max_offset(q).0));
        let offset = match (header.offset.filter(|offset| *offset >= 0), queue) {
            (Some(offset), _) if (min..=max).contains(&offset) => offset,
            (Some(offset), _) => {
                return Err(failed(format!(
                    "Target offset {offset} not in consume queue range [{min}-{max}]"
                )));
            }
            (None, Some(queue)) if header.timestamp >= 0 => {
                broker.store.search_offset(&queue, header.timestamp, Boundary::Lower).map_err(failed)?.0
            }
            (None, _) => max,
        };
        // What was given up before the queue came back is nobody's any more.
        let offset = scaling::reset(broker, &found, group, queue_id, offset)?;
        broker.pops.moved(broker, group, topic, queue_id, offset)?;
        found.queue(&broker.store, queue_id).readers.wake_all();
        let broker_name = broker.config().broker_name.clone();
        table.0.insert(MessageQueue { broker_name, queue_id, topic: topic.into() }, offset);
    }
    // Who is told that it is done may rely on it.
    broker.save_offsets().map_err(|error| failed(format!("the new offsets cannot be saved: {error}")))?;
    tracing::info!(group, topic, queues = table.0.len(), timestamp = header.timestamp, "offsets reset");
    Ok(Answer::json(&Body { offset_table: table }))
}
