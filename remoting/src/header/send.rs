//! Sending, and sending back.

use super::header;

header! {
    /// SEND_MESSAGE_V2 and SEND_BATCH_MESSAGE: one-letter names (Apache: `SendMessageRequestHeaderV2`).
    SendMessageV2<'a> {
        producer_group: &'a str = "a",
        topic: &'a str = "b",
        default_topic: Option<&'a str> = "c",
        default_topic_queue_nums: i32 = "d",
        queue_id: i32 = "e",
        sys_flag: i32 = "f",
        born_timestamp: i64 = "g",
        flag: i32 = "h",
        properties: Option<&'a str> = "i",
        reconsume_times: Option<i32> = "j",
        unit_mode: bool = "k",
        max_reconsume_times: Option<i32> = "l",
        batch: bool = "m",
        broker_name: Option<&'a str> = "n",
    }
}

header! {
    /// SEND_MESSAGE: long names (Apache: `SendMessageRequestHeader`). Go knows only this one.
    SendMessage<'a> {
        producer_group: &'a str = "producerGroup",
        topic: &'a str = "topic",
        default_topic: Option<&'a str> = "defaultTopic",
        default_topic_queue_nums: i32 = "defaultTopicQueueNums",
        queue_id: i32 = "queueId",
        sys_flag: i32 = "sysFlag",
        born_timestamp: i64 = "bornTimestamp",
        flag: i32 = "flag",
        properties: Option<&'a str> = "properties",
        reconsume_times: Option<i32> = "reconsumeTimes",
        unit_mode: bool = "unitMode",
        max_reconsume_times: Option<i32> = "maxReconsumeTimes",
        batch: bool = "batch",
        broker_name: Option<&'a str> = "bname",
    }
}

impl<'a> From<SendMessage<'a>> for SendMessageV2<'a> {
    fn from(h: SendMessage<'a>) -> Self {
        Self {
            producer_group: h.producer_group,
            topic: h.topic,
            default_topic: h.default_topic,
            default_topic_queue_nums: h.default_topic_queue_nums,
            queue_id: h.queue_id,
            sys_flag: h.sys_flag,
            born_timestamp: h.born_timestamp,
            flag: h.flag,
            properties: h.properties,
            reconsume_times: h.reconsume_times,
            unit_mode: h.unit_mode,
            max_reconsume_times: h.max_reconsume_times,
            batch: h.batch,
            broker_name: h.broker_name,
        }
    }
}

header! {
    /// CONSUMER_SEND_MSG_BACK (Apache: `ConsumerSendMsgBackRequestHeader`).
    ConsumerSendMsgBack<'a> {
        /// Physical offset of the message.
        offset: i64 = "offset",
        group: &'a str = "group",
        delay_level: i32 = "delayLevel",
        origin_msg_id: Option<&'a str> = "originMsgId",
        origin_topic: Option<&'a str> = "originTopic",
        unit_mode: bool = "unitMode",
        max_reconsume_times: Option<i32> = "maxReconsumeTimes",
    }
}

header! {
    /// PUSH_REPLY_MESSAGE_TO_CLIENT, from the broker to a producer (Apache: `ReplyMessageRequestHeader`).
    PushReplyMessage<'a> {
        producer_group: &'a str = "producerGroup",
        topic: &'a str = "topic",
        default_topic: &'a str = "defaultTopic",
        default_topic_queue_nums: i32 = "defaultTopicQueueNums",
        queue_id: i32 = "queueId",
        sys_flag: i32 = "sysFlag",
        born_timestamp: i64 = "bornTimestamp",
        flag: i32 = "flag",
        properties: Option<&'a str> = "properties",
        reconsume_times: Option<i32> = "reconsumeTimes",
        unit_mode: bool = "unitMode",
        /// `ip:port`.
        born_host: &'a str = "bornHost",
        store_host: &'a str = "storeHost",
        store_timestamp: i64 = "storeTimestamp",
    }
}

header! {
    /// RECALL_MESSAGE (Apache: `RecallMessageRequestHeader`).
    RecallMessage<'a> {
        producer_group: Option<&'a str> = "producerGroup",
        topic: &'a str = "topic",
        /// From the answer to the send.
        recall_handle: &'a str = "recallHandle",
    }
}

header! {
    /// END_TRANSACTION (Apache: `EndTransactionRequestHeader`).
    EndTransaction<'a> {
        producer_group: &'a str = "producerGroup",
        /// Offset of the half message in its queue.
        tran_state_table_offset: i64 = "tranStateTableOffset",
        /// Physical offset of the half message.
        commit_log_offset: i64 = "commitLogOffset",
        /// One of the transaction values of `sysFlag`; 0 when the producer does not know yet.
        commit_or_rollback: i32 = "commitOrRollback",
        from_transaction_check: bool = "fromTransactionCheck",
        msg_id: Option<&'a str> = "msgId",
        transaction_id: Option<&'a str> = "transactionId",
    }
}

header! {
    /// CHECK_TRANSACTION_STATE, from the broker to a producer (Apache: `CheckTransactionStateRequestHeader`).
    CheckTransactionState<'a> {
        topic: Option<&'a str> = "topic",
        tran_state_table_offset: i64 = "tranStateTableOffset",
        commit_log_offset: i64 = "commitLogOffset",
        /// The unique key.
        msg_id: Option<&'a str> = "msgId",
        transaction_id: Option<&'a str> = "transactionId",
        offset_msg_id: Option<&'a str> = "offsetMsgId",
    }
}
