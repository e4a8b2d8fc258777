//! Acknowledging what was popped, and who pops which queues.

use super::{MessageModel, MessageQueue, null_default};
use serde::{Deserialize, Serialize};

/// BATCH_ACK_MESSAGE (Apache: `BatchAckMessageRequestBody`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BatchAckRequest {
    pub broker_name: Option<String>,
    #[serde(deserialize_with = "null_default")]
    pub acks: Vec<BatchAck>,
}

/// Messages of one flight (Apache: `BatchAck`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BatchAck {
    #[serde(rename = "c", alias = "consumerGroup")]
    pub consumer_group: String,
    #[serde(rename = "t", alias = "topic")]
    pub topic: String,
    /// `0`, or else messages of the group's retry topic.
    #[serde(rename = "r", alias = "retry")]
    pub retry: String,
    #[serde(rename = "so", alias = "startOffset")]
    pub start_offset: i64,
    #[serde(rename = "q", alias = "queueId")]
    pub queue_id: i32,
    #[serde(rename = "rq", alias = "reviveQueueId")]
    pub revive_queue_id: i32,
    #[serde(rename = "pt", alias = "popTime")]
    pub pop_time: i64,
    #[serde(rename = "it", alias = "invisibleTime")]
    pub invisible_time: i64,
    /// Which offsets from `start_offset` on: bits in little-endian bytes, in Base64.
    #[serde(rename = "b", alias = "bitSet")]
    pub bit_set: String,
}

/// QUERY_ASSIGNMENT (Apache: `QueryAssignmentRequestBody`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueryAssignmentRequest {
    pub topic: String,
    pub consumer_group: String,
    pub client_id: String,
    pub strategy_name: String,
    pub message_model: MessageModel,
}

/// How a group reads a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RequestMode {
    #[default]
    Pull,
    Pop,
}

/// SET_MESSAGE_REQUEST_MODE (Apache: `SetMessageRequestModeRequestBody`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SetRequestMode {
    pub topic: String,
    pub consumer_group: String,
    pub mode: RequestMode,
    pub pop_share_queue_num: i32,
}

/// Answer of QUERY_ASSIGNMENT; none means that the client shall keep what it has (Apache: `QueryAssignmentResponseBody`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Assignments {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_queue_assignments: Option<Vec<Assignment>>,
}

/// A queue that the client shall read (Apache: `MessageQueueAssignment`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Assignment {
    pub message_queue: MessageQueue,
    pub mode: RequestMode,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fastjson::from_slice;

    #[test]
    fn long_names_are_read_too() {
        let short = br#"{"acks":[{"c":"g","t":"T","r":"0","so":5,"q":1,"rq":0,"pt":7,"it":9,"b":"AQI="}],"brokerName":"b"}"#;
        let long = br#"{"acks":[{"consumerGroup":"g","topic":"T","retry":"0","startOffset":5,"queueId":1,"reviveQueueId":0,"popTime":7,"invisibleTime":9,"bitSet":"AQI="}]}"#;
        let short: BatchAckRequest = from_slice(short).unwrap();
        let long: BatchAckRequest = from_slice(long).unwrap();
        assert_eq!(short.acks, long.acks);
        assert_eq!((short.acks[0].start_offset, short.acks[0].bit_set.as_str()), (5, "AQI="));
    }
}
