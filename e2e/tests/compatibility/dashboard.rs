//! What Apache's dashboard 2.1.0 sends for its pages, as it was seen on the wire: these fields, these bodies. Most of it goes to the
//! broker's second port, which the dashboard uses unless it is told otherwise.
//!
//! What it sends as a producer and as a consumer, for the pages of messages, is what every client sends: see `clients`. What it has
//! live consumers asked (307, 309) is compared by `mqadmin`.

use crate::probe::{Probe, Tier::Three, To, case, probe};
use To::{Broker, NameServer, SecondPort};

/// Requests of a page of the dashboard.
pub(crate) struct Page {
    pub(crate) name: &'static str,
    pub(crate) requests: &'static [Probe],
}

const TOPICS_OF_APACHE: &str = "topics of a store that Gantry does not have";
const OF_ORDERS: &[(&str, &str)] = &[("topic", "Orders")];
const OF_NONE: &[(&str, &str)] = &[("topic", "none")];

macro_rules! topic {
    ($name:literal, $queues:literal, $attributes:literal) => {
        &[
            ("topic", $name),
            ("defaultTopic", "TBW102"),
            ("readQueueNums", $queues),
            ("writeQueueNums", $queues),
            ("perm", "6"),
            ("topicFilterType", "SINGLE_TAG"),
            ("topicSysFlag", "0"),
            ("order", "false"),
            ("attributes", $attributes),
            ("force", "false"),
        ]
    };
}

/// A group is set to a time in a topic; -1 is its end.
macro_rules! reset {
    ($group:literal, $time:literal) => {
        &[
            ("topic", "Orders"),
            ("group", $group),
            ("timestamp", $time),
            ("isForce", "true"),
            ("queueId", "-1"),
            ("offset", "-1"),
        ]
    };
}

#[rustfmt::skip]
pub(crate) const PAGES: &[Page] = &[
    Page { name: "dashboard", requests: &[
        probe(106, "GET_BROKER_CLUSTER_INFO", Three, NameServer, &[case("brokers", &[])]),
        probe(28, "GET_BROKER_RUNTIME_INFO", Three, SecondPort, &[
            case("all", &[]).differs("distributions of times that Gantry does not keep: see its metrics"),
        ]),
        probe(206, "GET_ALL_TOPIC_LIST_FROM_NAMESERVER", Three, NameServer, &[case("topics", &[])]),
        probe(105, "GET_ROUTEINFO_BY_TOPIC", Three, NameServer, &[case("a topic", OF_ORDERS), case("no topic", OF_NONE)]),
        probe(300, "QUERY_TOPIC_CONSUME_BY_WHO", Three, SecondPort, &[case("a topic", OF_ORDERS)]),
        probe(315, "VIEW_BROKER_STATS_DATA", Three, SecondPort, &[
            case("what came in", &[("statsName", "TOPIC_PUT_NUMS"), ("statsKey", "Orders")]),
            case("what went out", &[("statsName", "GROUP_GET_NUMS"), ("statsKey", "Orders@e2e-reader")]),
            case("nothing came in", &[("statsName", "TOPIC_PUT_NUMS"), ("statsKey", "Doomed")]),
            case("nothing went out", &[("statsName", "GROUP_GET_NUMS"), ("statsKey", "Orders@readers")]),
        ]),
    ] },
    Page { name: "cluster", requests: &[
        probe(26, "GET_BROKER_CONFIG", Three, Broker, &[case("settings", &[])]),
    ] },
    Page { name: "topic", requests: &[
        probe(304, "GET_SYSTEM_TOPIC_LIST_FROM_NS", Three, NameServer, &[case("topics", &[])]),
        probe(305, "GET_SYSTEM_TOPIC_LIST_FROM_BROKER", Three, Broker, &[case("topics", &[])]),
        probe(21, "GET_ALL_TOPIC_CONFIG", Three, SecondPort, &[case("topics", &[]).differs(TOPICS_OF_APACHE)]),
        probe(202, "GET_TOPIC_STATS_INFO", Three, SecondPort, &[case("a topic", OF_ORDERS)]),
        probe(17, "UPDATE_AND_CREATE_TOPIC", Three, SecondPort, &[
            case("a topic", topic!("Clicked", "16", "+message.type=NORMAL")),
            case("another number of queues", topic!("Clicked", "8", "+message.type=NORMAL")),
            case("in order", topic!("ClickedInOrder", "2", "+message.type=FIFO")),
            case("of transactions", topic!("ClickedTransactions", "2", "+message.type=TRANSACTION")),
            case("for later", topic!("ClickedDelay", "2", "+message.type=DELAY")),
            case("of any type", topic!("ClickedAny", "2", "+message.type=UNSPECIFIED")),
            case("a bad name", topic!("Bad Name", "2", "+message.type=NORMAL")),
            case("a system topic", topic!("TBW102", "2", "+message.type=NORMAL")),
        ]),
        probe(351, "GET_TOPIC_CONFIG", Three, Broker, &[case("a topic", OF_ORDERS), case("of a type", &[("topic", "ClickedInOrder")])]),
        probe(222, "INVOKE_BROKER_TO_RESET_OFFSET", Three, SecondPort, &[
            case("to a time", reset!("readers", "{now}")),
            case("to the end", reset!("readers", "-1")),
            case("no group", reset!("nobody-at-all", "{now}")),
        ]),
        probe(215, "DELETE_TOPIC_IN_BROKER", Three, SecondPort, &[
            case("a topic", &[("topic", "Clicked")]),
            case("a system topic", &[("topic", "TBW102")]),
            case("no topic", OF_NONE),
        ]),
        probe(216, "DELETE_TOPIC_IN_NAMESRV", Three, NameServer, &[
            case("a topic", &[("topic", "Clicked")]),
            case("no topic", OF_NONE),
        ]),
    ] },
    Page { name: "consumer", requests: &[
        probe(201, "GET_ALL_SUBSCRIPTIONGROUP_CONFIG", Three, SecondPort, &[
            case("groups", &[]).differs("Apache's broker has made a group of a name that it was only asked about"),
        ]),
        probe(208, "GET_CONSUME_STATS", Three, SecondPort, &[
            case("a group", &[("consumerGroup", "readers")]),
            case("a topic", &[("consumerGroup", "readers"), ("topic", "Orders")]),
            case("a group that consumed nothing", &[("consumerGroup", "TOOLS_CONSUMER")]),
        ]),
        probe(203, "GET_CONSUMER_CONNECTION_LIST", Three, SecondPort, &[
            case("members", &[("consumerGroup", "readers")]),
            case("nobody", &[("consumerGroup", "TOOLS_CONSUMER")]),
        ]),
        probe(307, "GET_CONSUMER_RUNNING_INFO", Three, SecondPort, &[
            case("nobody", &[("consumerGroup", "readers"), ("clientId", "127.0.0.1@gone"), ("jstackEnable", "false")]),
            case("nobody's stacks", &[("consumerGroup", "readers"), ("clientId", "127.0.0.1@gone"), ("jstackEnable", "true")]),
        ]),
        probe(200, "UPDATE_AND_CREATE_SUBSCRIPTIONGROUP", Three, SecondPort, &[
            case("a group", &[]).with_body(r#"{"attributes":{},"brokerId":0,"consumeBroadcastEnable":true,"consumeEnable":true,"consumeFromMinEnable":true,"consumeMessageOrderly":true,"consumeTimeoutMinute":15,"groupName":"clicked","groupRetryPolicy":{"type":"CUSTOMIZED"},"groupSysFlag":0,"notifyConsumerIdsChangedEnable":true,"retryMaxTimes":5,"retryQueueNums":3,"whichBrokerWhenConsumeSlowly":1}"#),
            case("a bad name", &[]).with_body(r#"{"attributes":{},"brokerId":0,"consumeBroadcastEnable":true,"consumeEnable":true,"consumeFromMinEnable":true,"consumeMessageOrderly":false,"consumeTimeoutMinute":15,"groupName":"bad name","groupRetryPolicy":{"type":"CUSTOMIZED"},"groupSysFlag":0,"notifyConsumerIdsChangedEnable":true,"retryMaxTimes":5,"retryQueueNums":1,"whichBrokerWhenConsumeSlowly":1}"#),
        ]),
        probe(207, "DELETE_SUBSCRIPTIONGROUP", Three, SecondPort, &[
            case("a group", &[("groupName", "clicked"), ("cleanOffset", "true")]),
        ]),
    ] },
    Page { name: "producer", requests: &[
        probe(204, "GET_PRODUCER_CONNECTION_LIST", Three, SecondPort, &[
            case("a producer", &[("producerGroup", "shop")]),
            case("nobody", &[("producerGroup", "nobody")]),
        ]),
    ] },
    Page { name: "message", requests: &[
        probe(29, "SEARCH_OFFSET_BY_TIMESTAMP", Three, Broker, &[case(
            "the first since",
            &[("topic", "Orders"), ("queueId", "0"), ("timestamp", "{now}"), ("boundaryType", "LOWER"), ("bname", "broker-a"), ("ReqT", "0")],
        )]),
        probe(12, "QUERY_MESSAGE", Three, SecondPort, &[
            case("a key", &[("topic", "Orders"), ("key", "order"), ("maxNum", "64"), ("beginTimestamp", "0"), ("endTimestamp", "{later}"), ("_UNIQUE_KEY_QUERY", "false")]),
            case("a message's id", &[("topic", "Orders"), ("key", "UNIQUE-ORDER-07"), ("maxNum", "32"), ("beginTimestamp", "0"), ("endTimestamp", "9223372036854775807"), ("_UNIQUE_KEY_QUERY", "true")]),
            case("no key", &[("topic", "Orders"), ("key", "nothing"), ("maxNum", "64"), ("beginTimestamp", "0"), ("endTimestamp", "{later}"), ("_UNIQUE_KEY_QUERY", "false")]),
        ]),
        probe(33, "VIEW_MESSAGE_BY_ID", Three, SecondPort, &[case("a message", &[("topic", "Orders"), ("offset", "{physical-offset}")])]),
        probe(309, "CONSUME_MESSAGE_DIRECTLY", Three, SecondPort, &[case(
            "nobody",
            &[("topic", "Orders"), ("consumerGroup", "readers"), ("clientId", "127.0.0.1@gone"), ("msgId", "{offset-id}")],
        )]),
    ] },
    Page { name: "dead letters", requests: &[
        probe(105, "GET_ROUTEINFO_BY_TOPIC", Three, NameServer, &[case("none", &[("topic", "%DLQ%readers")])]),
        probe(351, "GET_TOPIC_CONFIG", Three, SecondPort, &[case("a topic", &[("topic", "Orders"), ("lo", "true")])]),
    ] },
    Page { name: "trace", requests: &[
        probe(12, "QUERY_MESSAGE", Three, SecondPort, &[case(
            "no trace",
            &[("topic", "RMQ_SYS_TRACE_TOPIC"), ("key", "UNIQUE-ORDER-07"), ("maxNum", "64"), ("beginTimestamp", "0"), ("endTimestamp", "{later}"), ("_UNIQUE_KEY_QUERY", "false")],
        )]),
    ] },
    Page { name: "access", requests: &[
        probe(3005, "AUTH_LIST_USER", Three, Broker, &[case("users", &[("filter", "")])]),
        probe(3001, "AUTH_CREATE_USER", Three, Broker, &[case("a user", &[("username", "u")])
            .with_body(r#"{"password":"p","userStatus":"enable","userType":"Normal","username":"u"}"#)]),
        probe(3002, "AUTH_UPDATE_USER", Three, Broker, &[case("a user", &[("username", "u")])
            .with_body(r#"{"password":"p","userStatus":"enable","userType":"Normal","username":"u"}"#)]),
        probe(3003, "AUTH_DELETE_USER", Three, Broker, &[case("a user", &[("username", "u")])]),
        probe(3010, "AUTH_LIST_ACL", Three, Broker, &[case("all", &[("subjectFilter", ""), ("resourceFilter", "")])]),
        probe(3006, "AUTH_CREATE_ACL", Three, Broker, &[case("a subject", &[("subject", "User:u")])
            .with_body(r#"{"policies":[{"entries":[{"actions":["Pub"],"decision":"Allow","resource":"Topic:Orders","sourceIps":[]}],"policyType":"Custom"}],"subject":"User:u"}"#)]),
        probe(3007, "AUTH_UPDATE_ACL", Three, Broker, &[case("a subject", &[("subject", "User:u")])
            .with_body(r#"{"policies":[{"entries":[{"actions":["Pub"],"decision":"Allow","resource":"Topic:Orders","sourceIps":[]}],"policyType":"Custom"}],"subject":"User:u"}"#)]),
        probe(3008, "AUTH_DELETE_ACL", Three, Broker, &[case("a subject", &[("resource", "Topic:Orders"), ("subject", "User:u")])]),
    ] },
];
