//! All that clients and tools ask, in an order in which nothing is in the way of what comes later.

use crate::probe::{Probe, Tier, To, case, probe};
use Tier::{One, Three, Two};
use To::{Broker, NameServer};

/// What brokers ask of clients, and the case of a client that shows it on both.
pub(crate) const FROM_BROKERS: &[(i32, &str, Tier, &str)] = &[
    (40, "NOTIFY_CONSUMER_IDS_CHANGED", One, "`clients`: rebalance-announced"),
    (39, "CHECK_TRANSACTION_STATE", Two, "`clients`: transactions"),
    (326, "PUSH_REPLY_MESSAGE_TO_CLIENT", Two, "`clients`: request-reply"),
    (307, "GET_CONSUMER_RUNNING_INFO", Three, "`mqadmin`: consumerStatus"),
    (309, "CONSUME_MESSAGE_DIRECTLY", Three, "`mqadmin`: queryMsgById -g -d"),
    (221, "GET_CONSUMER_STATUS_FROM_CLIENT", Three, "223 above"),
];

/// Code, name, tier, and what both do instead of sending it.
pub(crate) const FROM_NOBODY: &[(i32, &str, Tier, &str)] = &[(
    220,
    "RESET_CONSUMER_CLIENT_OFFSET",
    Three,
    "the next pull is answered with the new offset (`useServerSideResetOffset`): 222 above",
)];

const SEND: &[(&str, &str)] = &[
    ("a", "e2e"),
    ("b", "Orders"),
    ("c", "TBW102"),
    ("d", "4"),
    ("e", "1"),
    ("f", "0"),
    ("g", "{now}"),
    ("h", "0"),
    ("i", "UNIQ_KEY{01}UNIQUE-SENT{02}KEYS{01}sent{02}"),
    ("j", "0"),
    ("k", "false"),
    ("m", "false"),
];
const PULL: &[(&str, &str)] = &[
    ("consumerGroup", "e2e-reader"),
    ("topic", "Orders"),
    ("queueId", "0"),
    ("queueOffset", "0"),
    ("maxMsgNums", "32"),
    ("sysFlag", "4"),
    ("commitOffset", "0"),
    ("suspendTimeoutMillis", "0"),
    ("subscription", "*"),
    ("subVersion", "{now}"),
];
const POP: &[(&str, &str)] = &[
    ("consumerGroup", "poppers"),
    ("topic", "Orders"),
    ("queueId", "0"),
    ("maxMsgNums", "2"),
    ("invisibleTime", "60000"),
    ("pollTime", "0"),
    ("bornTime", "{now}"),
    ("initMode", "0"),
    ("order", "false"),
];
const TRANSACTION_ID: &str =
    "no transactionId: it is the unique key that the client has made, and looks at for transactions only";
const OF_A_REFUSAL: &str = "a refusal has no fields: clients read none";
const SYS_FLAGS: &str = "no flags of unit mode: proxies of Apache read them, clients do not";
const OWN_GROUPS: &str = "the system's own groups are there once somebody uses them";

const OF_QUEUE: &[(&str, &str)] = &[("topic", "Orders"), ("queueId", "0")];
const OF_NO_QUEUE: &[(&str, &str)] = &[("topic", "none"), ("queueId", "0")];
const OF_TOPIC: &[(&str, &str)] = &[("topic", "Orders")];
const OF_NO_TOPIC: &[(&str, &str)] = &[("topic", "none")];

pub(crate) const PROBES: &[Probe] = &[
    // --- 1: nothing works without
    probe(105, "GET_ROUTEINFO_BY_TOPIC", One, NameServer, &[
        case("a topic", &[("topic", "Orders"), ("acceptStandardJsonOnly", "true")]),
        case("no topic", OF_NO_TOPIC),
    ]),
    probe(103, "REGISTER_BROKER", One, NameServer, &[case(
        "a broker",
        &[
            ("brokerName", "other"),
            ("brokerAddr", "127.0.0.1:9"),
            ("clusterName", "Other"),
            ("haServerAddr", "127.0.0.1:8"),
            ("brokerId", "0"),
            ("compressed", "false"),
            ("bodyCrc32", "0"),
        ],
    )
    .with_body(r#"{"topicConfigSerializeWrapper":{"dataVersion":{"counter":1,"timestamp":1},"topicConfigTable":{}},"filterServerList":[]}"#)]),
    probe(104, "UNREGISTER_BROKER", One, NameServer, &[case(
        "a broker",
        &[("brokerName", "other"), ("brokerAddr", "127.0.0.1:9"), ("clusterName", "Other"), ("brokerId", "0")],
    )]),
    probe(310, "SEND_MESSAGE_V2", One, Broker, &[
        case("a message", SEND).with_body("body").differs(TRANSACTION_ID),
        case(
            "a system topic",
            &[("a", "e2e"), ("b", "SCHEDULE_TOPIC_XXXX"), ("c", "TBW102"), ("d", "4"), ("e", "0"), ("f", "0"), ("g", "{now}"), ("h", "0"), ("i", ""), ("j", "0"), ("k", "false"), ("m", "false")],
        )
        .with_body("body").differs(OF_A_REFUSAL),
    ]),
    probe(10, "SEND_MESSAGE", One, Broker, &[case(
        "a message",
        &[
            ("producerGroup", "e2e"),
            ("topic", "Orders"),
            ("defaultTopic", "TBW102"),
            ("defaultTopicQueueNums", "4"),
            ("queueId", "1"),
            ("sysFlag", "0"),
            ("bornTimestamp", "{now}"),
            ("flag", "0"),
            ("properties", "UNIQ_KEY{01}UNIQUE-OLD{02}"),
            ("reconsumeTimes", "0"),
            ("unitMode", "false"),
            ("batch", "false"),
        ],
    )
    .with_body("body").differs(TRANSACTION_ID)]),
    probe(11, "PULL_MESSAGE", One, Broker, &[
        case("messages", PULL).differs(SYS_FLAGS),
        case(
            "a queue that is not",
            &[
                ("consumerGroup", "e2e-reader"),
                ("topic", "Orders"),
                ("queueId", "9"),
                ("queueOffset", "0"),
                ("maxMsgNums", "32"),
                ("sysFlag", "4"),
                ("commitOffset", "0"),
                ("suspendTimeoutMillis", "0"),
                ("subscription", "*"),
                ("subVersion", "{now}"),
            ],
        ),
    ]),
    probe(361, "LITE_PULL_MESSAGE", One, Broker, &[case("messages", PULL).differs(SYS_FLAGS)]),
    probe(34, "HEART_BEAT", One, Broker, &[case("a producer", &[]).with_body(
        r#"{"clientID":"127.0.0.1@e2e","producerDataSet":[{"groupName":"e2e"}],"consumerDataSet":[]}"#,
    )]),
    probe(14, "QUERY_CONSUMER_OFFSET", One, Broker, &[
        case("an offset", &[("consumerGroup", "readers"), ("topic", "Orders"), ("queueId", "1")]),
        case(
            "none",
            &[("consumerGroup", "readers"), ("topic", "none"), ("queueId", "1"), ("setZeroIfNotFound", "false")],
        ),
    ]),
    probe(15, "UPDATE_CONSUMER_OFFSET", One, Broker, &[
        case(
            "an offset",
            &[("consumerGroup", "readers"), ("topic", "Orders"), ("queueId", "1"), ("commitOffset", "2")],
        ),
        case(
            "no group",
            &[("consumerGroup", "nobody"), ("topic", "Orders"), ("queueId", "1"), ("commitOffset", "2")],
        ),
        case(
            "no topic",
            &[("consumerGroup", "readers"), ("topic", "none"), ("queueId", "1"), ("commitOffset", "2")],
        ),
    ]),
    probe(38, "GET_CONSUMER_LIST_BY_GROUP", One, Broker, &[
        case("members", &[("consumerGroup", "readers")]),
        case("nobody", &[("consumerGroup", "nobody")]),
    ]),
    probe(30, "GET_MAX_OFFSET", One, Broker, &[case("a queue", OF_QUEUE), case("no queue", OF_NO_QUEUE)]),
    probe(35, "UNREGISTER_CLIENT", One, Broker, &[case(
        "a producer",
        &[("clientID", "127.0.0.1@e2e"), ("producerGroup", "e2e")],
    )]),
    // --- 2: what applications use
    probe(320, "SEND_BATCH_MESSAGE", Two, Broker, &[case(
        "a retry topic",
        &[("a", "e2e"), ("b", "%RETRY%readers"), ("c", "TBW102"), ("d", "4"), ("e", "0"), ("f", "0"), ("g", "{now}"), ("h", "0"), ("i", ""), ("j", "0"), ("k", "false"), ("m", "true")],
    )
    .with_body("x").differs(OF_A_REFUSAL)]),
    probe(36, "CONSUMER_SEND_MSG_BACK", Two, Broker, &[
        case(
            "a message",
            &[("offset", "{physical-offset}"), ("group", "readers"), ("delayLevel", "1"), ("originTopic", "Orders"), ("unitMode", "false"), ("maxReconsumeTimes", "16")],
        ),
        case(
            "no group",
            &[("offset", "{physical-offset}"), ("group", "nobody-here"), ("delayLevel", "1"), ("originTopic", "Orders"), ("unitMode", "false"), ("maxReconsumeTimes", "16")],
        ),
    ]),
    probe(37, "END_TRANSACTION", Two, Broker, &[case(
        "no half",
        &[("producerGroup", "e2e"), ("tranStateTableOffset", "0"), ("commitLogOffset", "{physical-offset}"), ("commitOrRollback", "8"), ("fromTransactionCheck", "false"), ("msgId", "x")],
    )]),
    probe(41, "LOCK_BATCH_MQ", Two, Broker, &[case("a queue", &[]).with_body(
        r#"{"consumerGroup":"readers","clientId":"127.0.0.1@readers","onlyThisBroker":false,"mqSet":[{"topic":"Orders","brokerName":"broker-a","queueId":0}]}"#,
    )]),
    probe(42, "UNLOCK_BATCH_MQ", Two, Broker, &[case("a queue", &[]).with_body(
        r#"{"consumerGroup":"readers","clientId":"127.0.0.1@readers","onlyThisBroker":false,"mqSet":[{"topic":"Orders","brokerName":"broker-a","queueId":0}]}"#,
    )]),
    probe(46, "CHECK_CLIENT_CONFIG", Two, Broker, &[
        case("an expression", &[]).with_body(
            r#"{"clientId":"c","group":"readers","namespace":"","subscriptionData":{"topic":"Orders","subString":"a > 5","expressionType":"SQL92","subVersion":1}}"#,
        ),
        case("no expression", &[]).with_body(
            r#"{"clientId":"c","group":"readers","namespace":"","subscriptionData":{"topic":"Orders","subString":"a >","expressionType":"SQL92","subVersion":1}}"#,
        ),
    ]),
    probe(29, "SEARCH_OFFSET_BY_TIMESTAMP", Two, Broker, &[
        case("a queue", &[("topic", "Orders"), ("queueId", "0"), ("timestamp", "{now}")]),
        case("no queue", &[("topic", "none"), ("queueId", "0"), ("timestamp", "{now}")]),
    ]),
    probe(31, "GET_MIN_OFFSET", Two, Broker, &[case("a queue", OF_QUEUE), case("no queue", OF_NO_QUEUE)]),
    probe(324, "SEND_REPLY_MESSAGE", Two, Broker, &[case(
        "nobody waits",
        &[
            ("producerGroup", "e2e"),
            ("topic", "DefaultCluster_REPLY_TOPIC"),
            ("defaultTopic", "TBW102"),
            ("defaultTopicQueueNums", "4"),
            ("queueId", "0"),
            ("sysFlag", "0"),
            ("bornTimestamp", "{now}"),
            ("flag", "0"),
            ("properties", "REPLY_TO_CLIENT{01}nobody{02}"),
            ("reconsumeTimes", "0"),
            ("unitMode", "false"),
            ("batch", "false"),
        ],
    )
    .with_body("answer").differs(OF_A_REFUSAL)]),
    probe(325, "SEND_REPLY_MESSAGE_V2", Two, Broker, &[case(
        "nobody waits",
        &[("a", "e2e"), ("b", "DefaultCluster_REPLY_TOPIC"), ("c", "TBW102"), ("d", "4"), ("e", "0"), ("f", "0"), ("g", "{now}"), ("h", "0"), ("i", "REPLY_TO_CLIENT{01}nobody{02}"), ("j", "0"), ("k", "false"), ("m", "false")],
    )
    .with_body("answer").differs(OF_A_REFUSAL)]),
    probe(370, "RECALL_MESSAGE", Two, Broker, &[case(
        "no handle",
        &[("producerGroup", "e2e"), ("topic", "Orders"), ("recallHandle", "none")],
    ).differs(OF_A_REFUSAL)]),
    probe(400, "QUERY_ASSIGNMENT", Two, Broker, &[case("queues", &[]).with_body(
        r#"{"topic":"Orders","consumerGroup":"readers","clientId":"127.0.0.1@readers","strategyName":"AVG","messageModel":"CLUSTERING"}"#,
    )]),
    probe(200_050, "POP_MESSAGE", Two, Broker, &[
        case("messages", POP),
        case(
            "too many",
            &[("consumerGroup", "poppers"), ("topic", "Orders"), ("queueId", "0"), ("maxMsgNums", "33"), ("invisibleTime", "60000"), ("pollTime", "0"), ("bornTime", "{now}"), ("initMode", "0")],
        ).differs(OF_A_REFUSAL),
        case(
            "nothing",
            &[("consumerGroup", "poppers"), ("topic", "Payments"), ("queueId", "0"), ("maxMsgNums", "2"), ("invisibleTime", "60000"), ("pollTime", "0"), ("bornTime", "{now}"), ("initMode", "0")],
        ),
    ]),
    probe(200_051, "ACK_MESSAGE", Two, Broker, &[
        case(
            "what was never popped",
            &[("consumerGroup", "poppers"), ("topic", "Orders"), ("queueId", "0"), ("extraInfo", "0 1 60000 0 0 broker-a 0"), ("offset", "0")],
        ),
        case(
            "beyond the end",
            &[("consumerGroup", "poppers"), ("topic", "Orders"), ("queueId", "0"), ("extraInfo", "0 1 60000 0 0 broker-a 0"), ("offset", "9999")],
        ),
    ]),
    probe(200_151, "BATCH_ACK_MESSAGE", Two, Broker, &[
        case("nothing", &[]).with_body(r#"{"brokerName":"broker-a","acks":[]}"#),
        case("what was never popped", &[]).with_body(
            r#"{"brokerName":"broker-a","acks":[{"c":"poppers","t":"Orders","r":"0","so":0,"q":0,"rq":0,"pt":1,"it":60000,"b":"AQ=="}]}"#,
        ),
    ]),
    probe(200_053, "CHANGE_MESSAGE_INVISIBLETIME", Two, Broker, &[case(
        "what was never popped",
        &[("consumerGroup", "poppers"), ("topic", "Orders"), ("queueId", "0"), ("extraInfo", "0 1 60000 0 0 broker-a 0"), ("offset", "0"), ("invisibleTime", "1000")],
    )
    .differs("Apache's broker says that it did, and gives the message again")]),
    // --- 3: what tools use, of name servers
    probe(100, "PUT_KV_CONFIG", Three, NameServer, &[case(
        "a pair",
        &[("namespace", "E2E"), ("key", "k"), ("value", "v")],
    )]),
    probe(101, "GET_KV_CONFIG", Three, NameServer, &[
        case("a pair", &[("namespace", "E2E"), ("key", "k")]),
        case("none", &[("namespace", "E2E"), ("key", "none")]),
    ]),
    probe(219, "GET_KVLIST_BY_NAMESPACE", Three, NameServer, &[
        case("pairs", &[("namespace", "E2E")]),
        case("none", &[("namespace", "NONE")]),
    ]),
    probe(102, "DELETE_KV_CONFIG", Three, NameServer, &[case("a pair", &[("namespace", "E2E"), ("key", "k")])]),
    probe(106, "GET_BROKER_CLUSTER_INFO", Three, NameServer, &[case("brokers", &[])]),
    probe(205, "WIPE_WRITE_PERM_OF_BROKER", Three, NameServer, &[case("a broker", &[("brokerName", "broker-a")])]),
    probe(327, "ADD_WRITE_PERM_OF_BROKER", Three, NameServer, &[case("a broker", &[("brokerName", "broker-a")])]),
    probe(206, "GET_ALL_TOPIC_LIST_FROM_NAMESERVER", Three, NameServer, &[case("topics", &[])]),
    probe(216, "DELETE_TOPIC_IN_NAMESRV", Three, NameServer, &[case("a topic", &[("topic", "Doomed")])]),
    probe(224, "GET_TOPICS_BY_CLUSTER", Three, NameServer, &[case("a cluster", &[("cluster", "DefaultCluster")])]),
    probe(304, "GET_SYSTEM_TOPIC_LIST_FROM_NS", Three, NameServer, &[case("topics", &[])]),
    probe(318, "UPDATE_NAMESRV_CONFIG", Three, NameServer, &[
        case("a forbidden key", &[]).with_body("kvConfigPath=/tmp/x\n"),
    ]),
    probe(319, "GET_NAMESRV_CONFIG", Three, NameServer, &[case("settings", &[])]),
    // --- 3: of brokers
    probe(12, "QUERY_MESSAGE", Three, Broker, &[
        case(
            "a key",
            &[("topic", "Orders"), ("key", "order"), ("maxNum", "32"), ("beginTimestamp", "0"), ("endTimestamp", "{later}")],
        ),
        case(
            "no key",
            &[("topic", "Orders"), ("key", "none"), ("maxNum", "32"), ("beginTimestamp", "0"), ("endTimestamp", "{later}")],
        ),
    ]),
    probe(33, "VIEW_MESSAGE_BY_ID", Three, Broker, &[
        case("a message", &[("offset", "{physical-offset}")]),
        case("none", &[("offset", "999999999")]),
    ]),
    probe(17, "UPDATE_AND_CREATE_TOPIC", Three, Broker, &[
        case(
            "a topic",
            &[("topic", "Changing"), ("defaultTopic", "TBW102"), ("readQueueNums", "8"), ("writeQueueNums", "8"), ("perm", "6"), ("topicFilterType", "SINGLE_TAG"), ("topicSysFlag", "0"), ("order", "false")],
        ),
        case(
            "a bad name",
            &[("topic", "a/b"), ("defaultTopic", "TBW102"), ("readQueueNums", "8"), ("writeQueueNums", "8"), ("perm", "6"), ("topicFilterType", "SINGLE_TAG"), ("topicSysFlag", "0"), ("order", "false")],
        ),
    ]),
    probe(18, "UPDATE_AND_CREATE_TOPIC_LIST", Three, Broker, &[case("a topic", &[]).with_body(
        r#"{"topicConfigList":[{"topicName":"Listed","readQueueNums":2,"writeQueueNums":2,"perm":6,"topicFilterType":"SINGLE_TAG","topicSysFlag":0,"order":false,"attributes":{}}]}"#,
    )]),
    probe(21, "GET_ALL_TOPIC_CONFIG", Three, Broker, &[case("topics", &[]).differs("topics of a store that Gantry does not have")]),
    probe(25, "UPDATE_BROKER_CONFIG", Three, Broker, &[
        case("a setting", &[]).with_body("traceOn=false\n"),
        case("a forbidden key", &[]).with_body("configBlackList=x\n"),
    ]),
    probe(26, "GET_BROKER_CONFIG", Three, Broker, &[case("settings", &[])]),
    probe(28, "GET_BROKER_RUNTIME_INFO", Three, Broker, &[
        case("all", &[]).differs("distributions of times that Gantry does not keep: see its metrics"),
    ]),
    probe(32, "GET_EARLIEST_MSG_STORETIME", Three, Broker, &[case("a queue", OF_QUEUE)]),
    probe(200, "UPDATE_AND_CREATE_SUBSCRIPTIONGROUP", Three, Broker, &[
        case("a group", &[]).with_body(r#"{"groupName":"made","consumeEnable":true,"retryQueueNums":1,"retryMaxTimes":3}"#),
        case("a bad name", &[]).with_body(r#"{"groupName":"a/b","consumeEnable":true}"#),
    ]),
    probe(225, "UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST", Three, Broker, &[case("a group", &[])
        .with_body(r#"{"groupConfigList":[{"groupName":"listed","consumeEnable":true}]}"#)]),
    probe(201, "GET_ALL_SUBSCRIPTIONGROUP_CONFIG", Three, Broker, &[case("groups", &[])]),
    probe(352, "GET_SUBSCRIPTIONGROUP_CONFIG", Three, Broker, &[
        case("a group", &[("group", "made")]),
        case("none", &[("group", "nobody-here")]),
    ]),
    probe(202, "GET_TOPIC_STATS_INFO", Three, Broker, &[case("a topic", OF_TOPIC), case("no topic", OF_NO_TOPIC)]),
    probe(203, "GET_CONSUMER_CONNECTION_LIST", Three, Broker, &[
        case("members", &[("consumerGroup", "readers")]),
        case("nobody", &[("consumerGroup", "nobody")]),
    ]),
    probe(204, "GET_PRODUCER_CONNECTION_LIST", Three, Broker, &[case("nobody", &[("producerGroup", "nobody")])]),
    probe(208, "GET_CONSUME_STATS", Three, Broker, &[
        case("a group", &[("consumerGroup", "readers")]),
        case("a topic", &[("consumerGroup", "readers"), ("topic", "Orders")]),
    ]),
    probe(222, "INVOKE_BROKER_TO_RESET_OFFSET", Three, Broker, &[
        case("a group", &[("topic", "Orders"), ("group", "readers"), ("timestamp", "0"), ("isForce", "true"), ("queueId", "-1")]),
        case("no topic", &[("topic", "none"), ("group", "readers"), ("timestamp", "0"), ("isForce", "true"), ("queueId", "-1")]),
    ]),
    probe(223, "INVOKE_BROKER_TO_GET_CONSUMER_STATUS", Three, Broker, &[case(
        "nobody",
        &[("topic", "Orders"), ("group", "nobody"), ("clientAddr", "")],
    )]),
    probe(300, "QUERY_TOPIC_CONSUME_BY_WHO", Three, Broker, &[case("a topic", OF_TOPIC), case("no topic", OF_NO_TOPIC)]),
    probe(303, "QUERY_CONSUME_TIME_SPAN", Three, Broker, &[
        case("a group", &[("topic", "Orders"), ("group", "readers")])
            .differs("Apache's broker writes each time as a text, too"),
        case("no topic", &[("topic", "none"), ("group", "readers")]),
    ]),
    probe(305, "GET_SYSTEM_TOPIC_LIST_FROM_BROKER", Three, Broker, &[case("topics", &[])]),
    probe(306, "CLEAN_EXPIRED_CONSUMEQUEUE", Three, Broker, &[case("all", &[])]),
    probe(316, "CLEAN_UNUSED_TOPIC", Three, Broker, &[case("all", &[])]),
    probe(329, "DELETE_EXPIRED_COMMITLOG", Three, Broker, &[case("all", &[])]),
    probe(314, "CLONE_GROUP_OFFSET", Three, Broker, &[case(
        "a group",
        &[("srcGroup", "readers"), ("destGroup", "made"), ("topic", "Orders"), ("offline", "true")],
    )]),
    probe(315, "VIEW_BROKER_STATS_DATA", Three, Broker, &[case(
        "what is not counted",
        &[("statsName", "NOTHING"), ("statsKey", "Orders")],
    )]),
    probe(317, "GET_BROKER_CONSUME_STATS", Three, Broker, &[case("all", &[("isOrder", "false")]).differs(OWN_GROUPS)]),
    probe(321, "QUERY_CONSUME_QUEUE", Three, Broker, &[case(
        "a queue",
        &[("topic", "Orders"), ("queueId", "0"), ("index", "0"), ("count", "2")],
    )]),
    probe(323, "RESUME_CHECK_HALF_MESSAGE", Three, Broker, &[case("no id", &[("msgId", "x")])]),
    probe(328, "GET_ALL_PRODUCER_INFO", Three, Broker, &[case("all", &[])]),
    probe(343, "QUERY_TOPICS_BY_CONSUMER", Three, Broker, &[case("a group", &[("group", "readers")])]),
    probe(345, "QUERY_SUBSCRIPTION_BY_CONSUMER", Three, Broker, &[
        case("a group", &[("group", "readers"), ("topic", "Orders")]),
        case("nobody", &[("group", "nobody"), ("topic", "Orders")]),
    ]),
    probe(351, "GET_TOPIC_CONFIG", Three, Broker, &[case("a topic", OF_TOPIC), case("no topic", OF_NO_TOPIC)]),
    probe(401, "SET_MESSAGE_REQUEST_MODE", Three, Broker, &[
        case("a group", &[]).with_body(r#"{"topic":"Orders","consumerGroup":"made","mode":"POP","popShareQueueNum":0}"#),
        case("a retry topic", &[])
            .with_body(r#"{"topic":"%RETRY%made","consumerGroup":"made","mode":"POP","popShareQueueNum":0}"#),
    ]),
    probe(907, "GET_BROKER_HA_STATUS", Three, Broker, &[
        case("all", &[]).differs("there are no replicas yet of which it could tell"),
    ]),
    probe(307, "GET_CONSUMER_RUNNING_INFO", Three, Broker, &[case(
        "nobody",
        &[("consumerGroup", "nobody"), ("clientId", "c"), ("jstackEnable", "false")],
    )]),
    probe(309, "CONSUME_MESSAGE_DIRECTLY", Three, Broker, &[case(
        "nobody",
        &[("consumerGroup", "nobody"), ("clientId", "c"), ("msgId", "{offset-id}"), ("topic", "Orders")],
    )]),
    probe(50, "UPDATE_AND_CREATE_ACL_CONFIG", Three, Broker, &[case(
        "of brokers before 5.3",
        &[("accessKey", "someone"), ("secretKey", "secret-1234"), ("admin", "false")],
    )]),
    probe(51, "DELETE_ACL_CONFIG", Three, Broker, &[case("of brokers before 5.3", &[("accessKey", "someone")])]),
    probe(52, "GET_BROKER_CLUSTER_ACL_INFO", Three, Broker, &[case("of brokers before 5.3", &[])]),
    probe(53, "UPDATE_GLOBAL_WHITE_ADDRS_CONFIG", Three, Broker, &[case(
        "of brokers before 5.3",
        &[("globalWhiteAddrs", "127.0.0.1")],
    )]),
    probe(3001, "AUTH_CREATE_USER", Three, Broker, &[case("a user", &[("username", "u")])
        .with_body(r#"{"username":"u","password":"secret12","userType":"Normal","userStatus":"enable"}"#)]),
    probe(3002, "AUTH_UPDATE_USER", Three, Broker, &[case("a user", &[("username", "u")])
        .with_body(r#"{"username":"u","password":"secret12","userType":"Normal","userStatus":"enable"}"#)]),
    probe(3004, "AUTH_GET_USER", Three, Broker, &[case("a user", &[("username", "u")])]),
    probe(3005, "AUTH_LIST_USER", Three, Broker, &[case("users", &[("filter", "")])]),
    probe(3003, "AUTH_DELETE_USER", Three, Broker, &[case("a user", &[("username", "u")])]),
    probe(3006, "AUTH_CREATE_ACL", Three, Broker, &[case("a subject", &[("subject", "User:u")])
        .with_body(r#"{"subject":"User:u","policies":[{"policyType":"Custom","entries":[{"resource":"Topic:Orders","actions":"Pub","sourceIps":[],"decision":"Allow"}]}]}"#)]),
    probe(3007, "AUTH_UPDATE_ACL", Three, Broker, &[case("a subject", &[("subject", "User:u")])
        .with_body(r#"{"subject":"User:u","policies":[{"policyType":"Custom","entries":[{"resource":"Topic:Orders","actions":"Pub","sourceIps":[],"decision":"Allow"}]}]}"#)]),
    probe(3009, "AUTH_GET_ACL", Three, Broker, &[case("a subject", &[("subject", "User:u")])]),
    probe(3010, "AUTH_LIST_ACL", Three, Broker, &[case("all", &[("subjectFilter", ""), ("resourceFilter", "")])]),
    probe(3008, "AUTH_DELETE_ACL", Three, Broker, &[case("a subject", &[("subject", "User:u"), ("policyType", "Custom"), ("resource", "Topic:Orders")])]),
    // What takes something away comes last.
    probe(207, "DELETE_SUBSCRIPTIONGROUP", Three, Broker, &[case(
        "a group",
        &[("groupName", "made"), ("cleanOffset", "true")],
    )]),
    probe(215, "DELETE_TOPIC_IN_BROKER", Three, Broker, &[
        case("a topic", &[("topic", "Listed")]),
        case("a system topic", &[("topic", "TBW102")]),
    ]),
];
