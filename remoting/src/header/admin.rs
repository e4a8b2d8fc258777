//! Client membership, topics, groups and statistics on the broker.

use super::header;

header! {
    /// UNREGISTER_CLIENT.
    UnregisterClient<'a> {
        client_id: &'a str = "clientID",
        producer_group: Option<&'a str> = "producerGroup",
        consumer_group: Option<&'a str> = "consumerGroup",
    }
}

header! {
    /// Requests that name a consumer group and nothing else that we read.
    ConsumerGroup<'a> {
        consumer_group: &'a str = "consumerGroup",
    }
}

header! {
    /// GET_PRODUCER_CONNECTION_LIST.
    ProducerGroup<'a> {
        producer_group: &'a str = "producerGroup",
    }
}

header! {
    /// UPDATE_AND_CREATE_TOPIC (Apache: `CreateTopicRequestHeader`).
    CreateTopic<'a> {
        topic: &'a str = "topic",
        default_topic: Option<&'a str> = "defaultTopic",
        read_queue_nums: i32 = "readQueueNums",
        write_queue_nums: i32 = "writeQueueNums",
        perm: i32 = "perm",
        topic_filter_type: Option<&'a str> = "topicFilterType",
        topic_sys_flag: Option<i32> = "topicSysFlag",
        order: bool = "order",
        /// `+key=value,-key`.
        attributes: Option<&'a str> = "attributes",
    }
}

header! {
    /// Requests that name a topic and nothing else that we read.
    TopicName<'a> {
        topic: &'a str = "topic",
    }
}

header! {
    /// DELETE_SUBSCRIPTIONGROUP. 4.9 called the switch `removeOffset`.
    DeleteSubscriptionGroup<'a> {
        group_name: &'a str = "groupName",
        clean_offset: Option<bool> = "cleanOffset",
        remove_offset: Option<bool> = "removeOffset",
    }
}

header! {
    /// GET_SUBSCRIPTIONGROUP_CONFIG.
    GroupName<'a> {
        group: &'a str = "group",
    }
}

header! {
    /// QUERY_CONSUME_TIME_SPAN and QUERY_SUBSCRIPTION_BY_CONSUMER.
    GroupTopic<'a> {
        group: &'a str = "group",
        topic: &'a str = "topic",
    }
}

header! {
    /// CLONE_GROUP_OFFSET (Apache: `CloneGroupOffsetRequestHeader`).
    CloneGroupOffset<'a> {
        src_group: &'a str = "srcGroup",
        dest_group: &'a str = "destGroup",
        /// All that the group has offsets of, if none.
        topic: Option<&'a str> = "topic",
        /// Also of topics that the group does not subscribe to now.
        offline: bool = "offline",
    }
}

header! {
    /// INVOKE_BROKER_TO_GET_CONSUMER_STATUS, and GET_CONSUMER_STATUS_FROM_CLIENT without the address.
    ConsumerStatus<'a> {
        topic: &'a str = "topic",
        group: &'a str = "group",
        client_addr: Option<&'a str> = "clientAddr",
    }
}

header! {
    /// RESUME_CHECK_HALF_MESSAGE: `msgId` is an offset id.
    ResumeCheckHalf<'a> {
        topic: Option<&'a str> = "topic",
        msg_id: Option<&'a str> = "msgId",
    }
}

header! {
    /// GET_CONSUME_STATS.
    GetConsumeStats<'a> {
        consumer_group: &'a str = "consumerGroup",
        topic: Option<&'a str> = "topic",
    }
}

header! {
    /// NOTIFY_CONSUMER_IDS_CHANGED, from broker to client.
    NotifyConsumerIdsChanged<'a> {
        consumer_group: &'a str = "consumerGroup",
    }
}

header! {
    /// GET_CONSUMER_RUNNING_INFO.
    ConsumerRunningInfo<'a> {
        consumer_group: &'a str = "consumerGroup",
        client_id: &'a str = "clientId",
        jstack_enable: bool = "jstackEnable",
    }
}

header! {
    /// CONSUME_MESSAGE_DIRECTLY: `msgId` is an offset id.
    ConsumeMessageDirectly<'a> {
        consumer_group: &'a str = "consumerGroup",
        client_id: Option<&'a str> = "clientId",
        msg_id: Option<&'a str> = "msgId",
    }
}

header! {
    /// VIEW_BROKER_STATS_DATA.
    ViewBrokerStats<'a> {
        stats_name: &'a str = "statsName",
        stats_key: &'a str = "statsKey",
    }
}
