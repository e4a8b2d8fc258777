//! Consumer offsets and queue bounds.

use super::header;

header! {
    /// QUERY_CONSUMER_OFFSET (Apache: `QueryConsumerOffsetRequestHeader`).
    QueryConsumerOffset<'a> {
        consumer_group: &'a str = "consumerGroup",
        topic: &'a str = "topic",
        queue_id: i32 = "queueId",
        /// Absent means true.
        set_zero_if_not_found: Option<bool> = "setZeroIfNotFound",
    }
}

header! {
    /// UPDATE_CONSUMER_OFFSET (Apache: `UpdateConsumerOffsetRequestHeader`).
    UpdateConsumerOffset<'a> {
        consumer_group: &'a str = "consumerGroup",
        topic: &'a str = "topic",
        queue_id: i32 = "queueId",
        commit_offset: i64 = "commitOffset",
    }
}

header! {
    /// GET_MAX_OFFSET, GET_MIN_OFFSET and GET_EARLIEST_MSG_STORETIME.
    QueueBound<'a> {
        topic: &'a str = "topic",
        queue_id: i32 = "queueId",
    }
}

header! {
    /// SEARCH_OFFSET_BY_TIMESTAMP (Apache: `SearchOffsetRequestHeader`).
    SearchOffset<'a> {
        topic: &'a str = "topic",
        queue_id: i32 = "queueId",
        timestamp: i64 = "timestamp",
        /// `LOWER` (default) or `UPPER`.
        boundary_type: Option<&'a str> = "boundaryType",
    }
}

header! {
    /// INVOKE_BROKER_TO_RESET_OFFSET (Apache: `ResetOffsetRequestHeader`).
    ResetOffset<'a> {
        topic: &'a str = "topic",
        group: &'a str = "group",
        /// Milliseconds of storing; negative: the end.
        timestamp: i64 = "timestamp",
        is_force: bool = "isForce",
        /// Absent or -1: all queues.
        queue_id: Option<i32> = "queueId",
        /// With a queue id; absent or -1: by the timestamp.
        offset: Option<i64> = "offset",
    }
}

header! {
    /// QUERY_CONSUME_QUEUE.
    QueryConsumeQueue<'a> {
        topic: &'a str = "topic",
        queue_id: i32 = "queueId",
        index: i64 = "index",
        count: i32 = "count",
    }
}
