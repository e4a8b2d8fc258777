//! Name server requests.

use super::header;

header! {
    /// GET_ROUTEINFO_BY_TOPIC.
    GetRouteInfo<'a> {
        topic: &'a str = "topic",
        accept_standard_json_only: Option<bool> = "acceptStandardJsonOnly",
    }
}

header! {
    /// REGISTER_BROKER (Apache: `RegisterBrokerRequestHeader`).
    RegisterBroker<'a> {
        broker_name: &'a str = "brokerName",
        broker_addr: &'a str = "brokerAddr",
        cluster_name: &'a str = "clusterName",
        ha_server_addr: &'a str = "haServerAddr",
        broker_id: i64 = "brokerId",
        heartbeat_timeout_millis: Option<i64> = "heartbeatTimeoutMillis",
        enable_acting_master: Option<bool> = "enableActingMaster",
        compressed: bool = "compressed",
        /// CRC-32 of the body without its top bit; 0 or absent: unchecked.
        body_crc32: Option<i32> = "bodyCrc32",
        /// Gantry's own: `host:port` by which clients outside reach the broker. Others ignore it.
        external_addr: Option<&'a str> = "externalAddr",
    }
}

header! {
    /// UNREGISTER_BROKER, QUERY_DATA_VERSION and BROKER_HEARTBEAT.
    BrokerIdentity<'a> {
        broker_name: &'a str = "brokerName",
        broker_addr: &'a str = "brokerAddr",
        cluster_name: &'a str = "clusterName",
        broker_id: Option<i64> = "brokerId",
    }
}

header! {
    /// PUT_KV_CONFIG.
    PutKvConfig<'a> {
        namespace: &'a str = "namespace",
        key: &'a str = "key",
        value: &'a str = "value",
    }
}

header! {
    /// GET_KV_CONFIG and DELETE_KV_CONFIG.
    KvConfig<'a> {
        namespace: &'a str = "namespace",
        key: &'a str = "key",
    }
}

header! {
    /// GET_KVLIST_BY_NAMESPACE.
    KvNamespace<'a> {
        namespace: &'a str = "namespace",
    }
}

header! {
    /// WIPE_WRITE_PERM_OF_BROKER and ADD_WRITE_PERM_OF_BROKER.
    BrokerName<'a> {
        broker_name: &'a str = "brokerName",
    }
}

header! {
    /// DELETE_TOPIC_IN_NAMESRV.
    DeleteTopicInNamesrv<'a> {
        topic: &'a str = "topic",
        cluster_name: Option<&'a str> = "clusterName",
    }
}

header! {
    /// GET_TOPICS_BY_CLUSTER.
    ClusterName<'a> {
        cluster: &'a str = "cluster",
    }
}

header! {
    /// GET_BROKER_MEMBER_GROUP.
    BrokerMemberGroup<'a> {
        cluster_name: &'a str = "clusterName",
        broker_name: &'a str = "brokerName",
    }
}

header! {
    /// REGISTER_TOPIC_IN_NAMESRV; the body is a route with the topic's queues.
    RegisterTopic<'a> {
        topic: &'a str = "topic",
    }
}
