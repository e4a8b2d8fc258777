//! Pulling, viewing and querying messages.

use super::header;

/// Pull `sysFlag`: store `commitOffset`.
pub const PULL_COMMIT_OFFSET: i32 = 0x1;
/// Pull `sysFlag`: the broker may hold the request.
pub const PULL_SUSPEND: i32 = 0x2;
/// Pull `sysFlag`: the subscription is in the request.
pub const PULL_SUBSCRIPTION: i32 = 0x4;
/// Pull `sysFlag`: filtering by a class on the client.
pub const PULL_CLASS_FILTER: i32 = 0x8;

header! {
    /// PULL_MESSAGE and LITE_PULL_MESSAGE (Apache: `PullMessageRequestHeader`).
    PullMessage<'a> {
        consumer_group: &'a str = "consumerGroup",
        topic: &'a str = "topic",
        queue_id: i32 = "queueId",
        queue_offset: i64 = "queueOffset",
        max_msg_nums: i32 = "maxMsgNums",
        sys_flag: i32 = "sysFlag",
        commit_offset: i64 = "commitOffset",
        suspend_timeout_millis: i64 = "suspendTimeoutMillis",
        subscription: Option<&'a str> = "subscription",
        sub_version: i64 = "subVersion",
        expression_type: Option<&'a str> = "expressionType",
        max_msg_bytes: Option<i32> = "maxMsgBytes",
    }
}

header! {
    /// VIEW_MESSAGE_BY_ID: the offset id's physical offset.
    ViewMessage<'a> {
        topic: Option<&'a str> = "topic",
        offset: i64 = "offset",
    }
}

header! {
    /// QUERY_MESSAGE (Apache: `QueryMessageRequestHeader`). Times are milliseconds of storing.
    QueryMessage<'a> {
        topic: &'a str = "topic",
        key: &'a str = "key",
        max_num: i32 = "maxNum",
        begin_timestamp: i64 = "beginTimestamp",
        end_timestamp: i64 = "endTimestamp",
        /// `true`: the key is a unique key.
        unique_key_query: bool = "_UNIQUE_KEY_QUERY",
        /// 5.5: `U` unique key, `K` key, `T` tag.
        index_type: Option<&'a str> = "indexType",
    }
}
