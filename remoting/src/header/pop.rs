//! POP: the broker keeps account of what it gave to whom.

use super::header;

/// POP_MESSAGE `initMode`: a group that was never here starts at the end.
pub const POP_FROM_END: i32 = 1;

header! {
    /// POP_MESSAGE (Apache: `PopMessageRequestHeader`). Times are milliseconds.
    PopMessage<'a> {
        consumer_group: &'a str = "consumerGroup",
        topic: &'a str = "topic",
        /// Below 0: all.
        queue_id: i32 = "queueId",
        max_msg_nums: i32 = "maxMsgNums",
        invisible_time: i64 = "invisibleTime",
        poll_time: i64 = "pollTime",
        /// When the client sent it, by its clock.
        born_time: i64 = "bornTime",
        init_mode: i32 = "initMode",
        expression_type: Option<&'a str> = "expType",
        expression: Option<&'a str> = "exp",
        order: bool = "order",
        attempt_id: Option<&'a str> = "attemptId",
    }
}

header! {
    /// NOTIFICATION (Apache: `NotificationRequestHeader`).
    Notification<'a> {
        consumer_group: &'a str = "consumerGroup",
        topic: &'a str = "topic",
        queue_id: i32 = "queueId",
        poll_time: i64 = "pollTime",
        born_time: i64 = "bornTime",
        order: bool = "order",
        attempt_id: Option<&'a str> = "attemptId",
    }
}

header! {
    /// ACK_MESSAGE (Apache: `AckMessageRequestHeader`).
    AckMessage<'a> {
        consumer_group: &'a str = "consumerGroup",
        topic: &'a str = "topic",
        queue_id: i32 = "queueId",
        /// The message's handle.
        extra_info: &'a str = "extraInfo",
        offset: i64 = "offset",
    }
}

header! {
    /// CHANGE_MESSAGE_INVISIBLETIME (Apache: `ChangeInvisibleTimeRequestHeader`).
    ChangeInvisibleTime<'a> {
        consumer_group: &'a str = "consumerGroup",
        topic: &'a str = "topic",
        queue_id: i32 = "queueId",
        /// The message's handle.
        extra_info: &'a str = "extraInfo",
        offset: i64 = "offset",
        /// Milliseconds from now on.
        invisible_time: i64 = "invisibleTime",
    }
}
