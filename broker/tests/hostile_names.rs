//! Names that mean harm, through every field of every request that carries one: none becomes a path, none is kept, and each is
//! refused, or is here with the reason why it need not be.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a test may panic")]

mod support;

use gantry_message::name::{check_group, check_topic};
use gantry_remoting::{RequestCode, ResponseCode};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use support::names::Bad::{Harmless, Refused};
use support::names::{Bad, TRICKY, bad_names, request, tree};
use support::{Broker, WAIT, free_port, read_queue, send};
use tokio::task::JoinSet;

const LOOKS: Bad = Harmless("it is only looked for, and not found");
const NOT_READ: Bad = Harmless("it is not read: another field says what is meant");
const SHOWN: Bad = Harmless("it is told to nobody but the client itself");

/// Each code, and its fields that carry a name. Those of bodies come after `body.`.
#[rustfmt::skip]
const CARRIES: &[(RequestCode, &[(&str, Bad)])] = &[
    (RequestCode::SEND_MESSAGE, &[("producerGroup", NOT_READ), ("topic", Refused), ("defaultTopic", LOOKS), ("bname", NOT_READ)]),
    (RequestCode::SEND_MESSAGE_V2, &[("a", NOT_READ), ("b", Refused), ("c", LOOKS), ("n", NOT_READ)]),
    (RequestCode::SEND_BATCH_MESSAGE, &[("a", Refused), ("b", Refused), ("c", Refused), ("n", Refused)]),
    (RequestCode::PULL_MESSAGE, &[("consumerGroup", Refused), ("topic", Refused)]),
    (RequestCode::LITE_PULL_MESSAGE, &[("consumerGroup", Refused), ("topic", Refused)]),
    (RequestCode::QUERY_MESSAGE, &[("topic", Refused), ("key", Refused)]),
    (RequestCode::QUERY_CONSUMER_OFFSET, &[("consumerGroup", LOOKS), ("topic", Refused)]),
    (RequestCode::UPDATE_CONSUMER_OFFSET, &[("consumerGroup", Refused), ("topic", Refused)]),
    (RequestCode::UPDATE_AND_CREATE_TOPIC, &[("topic", Refused), ("defaultTopic", NOT_READ)]),
    (RequestCode::UPDATE_AND_CREATE_TOPIC_LIST, &[("body.topic", Refused), ("body.filterType", Refused)]),
    (RequestCode::GET_ALL_TOPIC_CONFIG, &[]),
    (RequestCode::UPDATE_BROKER_CONFIG, &[]),
    (RequestCode::GET_BROKER_CONFIG, &[]),
    (RequestCode::GET_BROKER_RUNTIME_INFO, &[]),
    (RequestCode::SEARCH_OFFSET_BY_TIMESTAMP, &[("topic", LOOKS)]),
    (RequestCode::GET_MAX_OFFSET, &[("topic", LOOKS)]),
    (RequestCode::GET_MIN_OFFSET, &[("topic", LOOKS)]),
    (RequestCode::GET_EARLIEST_MSG_STORETIME, &[("topic", Refused)]),
    (RequestCode::VIEW_MESSAGE_BY_ID, &[("topic", NOT_READ)]),
    (RequestCode::HEART_BEAT, &[
        ("body.client", SHOWN),
        ("body.group", Harmless("passed over, with a line in the log: the client's other groups go on")),
        ("body.topic", Harmless("what a member subscribes to is kept with the member, as text")),
    ]),
    (RequestCode::UNREGISTER_CLIENT, &[("clientID", LOOKS), ("producerGroup", LOOKS), ("consumerGroup", LOOKS)]),
    (RequestCode::CONSUMER_SEND_MSG_BACK, &[("group", Refused), ("originTopic", NOT_READ)]),
    (RequestCode::END_TRANSACTION, &[("producerGroup", Refused), ("topic", Refused), ("msgId", Refused)]),
    (RequestCode::GET_CONSUMER_LIST_BY_GROUP, &[("consumerGroup", Refused)]),
    (RequestCode::CHECK_TRANSACTION_STATE, &[("topic", Refused)]),
    (RequestCode::NOTIFY_CONSUMER_IDS_CHANGED, &[("consumerGroup", Refused)]),
    (RequestCode::LOCK_BATCH_MQ, &[("body.group", Refused), ("body.client", SHOWN), ("body.topic", Harmless("no such queue: it is not locked")), ("body.broker", SHOWN)]),
    (RequestCode::UNLOCK_BATCH_MQ, &[("body.group", LOOKS), ("body.client", LOOKS), ("body.topic", LOOKS), ("body.broker", LOOKS)]),
    (RequestCode::CHECK_CLIENT_CONFIG, &[("body.topic", NOT_READ), ("body.group", NOT_READ)]),
    (RequestCode::PUT_KV_CONFIG, &[("namespace", Refused), ("key", Refused)]),
    (RequestCode::GET_KV_CONFIG, &[("namespace", Refused), ("key", Refused)]),
    (RequestCode::DELETE_KV_CONFIG, &[("namespace", Refused), ("key", Refused)]),
    (RequestCode::REGISTER_BROKER, &[("brokerName", Refused), ("clusterName", Refused)]),
    (RequestCode::UNREGISTER_BROKER, &[("brokerName", Refused), ("clusterName", Refused)]),
    (RequestCode::GET_ROUTEINFO_BY_TOPIC, &[("topic", Refused)]),
    (RequestCode::GET_BROKER_CLUSTER_INFO, &[]),
    (RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, &[("body.group", Refused)]),
    (RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST, &[("body.group", Refused)]),
    (RequestCode::GET_ALL_SUBSCRIPTIONGROUP_CONFIG, &[]),
    (RequestCode::GET_TOPIC_STATS_INFO, &[("topic", Refused)]),
    (RequestCode::GET_CONSUMER_CONNECTION_LIST, &[("consumerGroup", Refused)]),
    (RequestCode::GET_PRODUCER_CONNECTION_LIST, &[("producerGroup", Refused)]),
    (RequestCode::WIPE_WRITE_PERM_OF_BROKER, &[("brokerName", Refused)]),
    (RequestCode::ADD_WRITE_PERM_OF_BROKER, &[("brokerName", Refused)]),
    (RequestCode::GET_ALL_TOPIC_LIST_FROM_NAMESERVER, &[]),
    (RequestCode::DELETE_SUBSCRIPTIONGROUP, &[("groupName", LOOKS)]),
    (RequestCode::GET_CONSUME_STATS, &[("consumerGroup", LOOKS), ("topic", LOOKS)]),
    (RequestCode::DELETE_TOPIC_IN_BROKER, &[("topic", Refused)]),
    (RequestCode::DELETE_TOPIC_IN_NAMESRV, &[("topic", Refused)]),
    (RequestCode::GET_KVLIST_BY_NAMESPACE, &[("namespace", Refused)]),
    (RequestCode::RESET_CONSUMER_CLIENT_OFFSET, &[("topic", Refused), ("group", Refused)]),
    (RequestCode::GET_CONSUMER_STATUS_FROM_CLIENT, &[("topic", Refused), ("group", Refused)]),
    (RequestCode::INVOKE_BROKER_TO_RESET_OFFSET, &[("topic", Refused), ("group", Refused)]),
    (RequestCode::INVOKE_BROKER_TO_GET_CONSUMER_STATUS, &[("topic", Refused), ("group", Refused)]),
    (RequestCode::GET_TOPICS_BY_CLUSTER, &[("cluster", Refused)]),
    (RequestCode::QUERY_TOPIC_CONSUME_BY_WHO, &[("topic", LOOKS)]),
    (RequestCode::CLEAN_EXPIRED_CONSUMEQUEUE, &[]),
    (RequestCode::QUERY_CONSUME_TIME_SPAN, &[("topic", Refused), ("group", LOOKS)]),
    (RequestCode::GET_SYSTEM_TOPIC_LIST_FROM_NS, &[]),
    (RequestCode::GET_SYSTEM_TOPIC_LIST_FROM_BROKER, &[]),
    (RequestCode::GET_CONSUMER_RUNNING_INFO, &[("consumerGroup", Refused), ("clientId", Refused)]),
    (RequestCode::CONSUME_MESSAGE_DIRECTLY, &[("consumerGroup", Refused), ("clientId", Refused), ("msgId", Refused)]),
    (RequestCode::CLONE_GROUP_OFFSET, &[("srcGroup", LOOKS), ("destGroup", Refused), ("topic", LOOKS)]),
    (RequestCode::VIEW_BROKER_STATS_DATA, &[("statsName", Refused), ("statsKey", Refused)]),
    (RequestCode::CLEAN_UNUSED_TOPIC, &[]),
    (RequestCode::GET_BROKER_CONSUME_STATS, &[]),
    (RequestCode::UPDATE_NAMESRV_CONFIG, &[]),
    (RequestCode::GET_NAMESRV_CONFIG, &[]),
    (RequestCode::QUERY_CONSUME_QUEUE, &[("topic", Refused)]),
    (RequestCode::QUERY_DATA_VERSION, &[("brokerName", Refused)]),
    (RequestCode::RESUME_CHECK_HALF_MESSAGE, &[("topic", Refused), ("msgId", Refused)]),
    (RequestCode::SEND_REPLY_MESSAGE, &[("producerGroup", Refused), ("topic", Refused)]),
    (RequestCode::SEND_REPLY_MESSAGE_V2, &[("a", Refused), ("b", Refused)]),
    (RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT, &[("topic", Refused), ("producerGroup", Refused)]),
    (RequestCode::GET_ALL_PRODUCER_INFO, &[]),
    (RequestCode::DELETE_EXPIRED_COMMITLOG, &[]),
    (RequestCode::QUERY_TOPICS_BY_CONSUMER, &[("group", LOOKS)]),
    (RequestCode::QUERY_SUBSCRIPTION_BY_CONSUMER, &[("group", LOOKS), ("topic", LOOKS)]),
    (RequestCode::GET_TOPIC_CONFIG, &[("topic", Refused)]),
    (RequestCode::GET_SUBSCRIPTIONGROUP_CONFIG, &[("group", Refused)]),
    (RequestCode::RECALL_MESSAGE, &[("producerGroup", Refused), ("topic", Refused), ("recallHandle", Refused)]),
    (RequestCode::QUERY_ASSIGNMENT, &[("body.topic", LOOKS), ("body.group", LOOKS), ("body.client", LOOKS)]),
    (RequestCode::SET_MESSAGE_REQUEST_MODE, &[("body.topic", Refused), ("body.group", Refused)]),
    (RequestCode::GET_BROKER_MEMBER_GROUP, &[("brokerName", Refused), ("clusterName", Refused)]),
    (RequestCode::BROKER_HEARTBEAT, &[("brokerName", Refused), ("clusterName", Refused)]),
    (RequestCode::GET_BROKER_HA_STATUS, &[]),
    (RequestCode::POP_MESSAGE, &[("consumerGroup", Refused), ("topic", Refused), ("attemptId", SHOWN)]),
    (RequestCode::ACK_MESSAGE, &[("consumerGroup", LOOKS), ("topic", Refused), ("extraInfo", Refused)]),
    (RequestCode::CHANGE_MESSAGE_INVISIBLETIME, &[("consumerGroup", Refused), ("topic", Refused), ("extraInfo", Refused)]),
    (RequestCode::NOTIFICATION, &[("consumerGroup", Refused), ("topic", Refused), ("attemptId", SHOWN)]),
    (RequestCode::BATCH_ACK_MESSAGE, &[("body.group", LOOKS), ("body.topic", LOOKS), ("body.broker", NOT_READ)]),
    (RequestCode::BEGIN_SCALE, &[("topic", Refused), ("scaleId", Refused)]),
    (RequestCode::ABORT_SCALE, &[("topic", Refused), ("scaleId", Refused)]),
    (RequestCode::OPEN_SCALE, &[("topic", Refused), ("scaleId", Refused)]),
    (RequestCode::GET_SCALING, &[("topic", Refused)]),
];

#[test]
fn every_code_is_in_the_table() {
    let listed: BTreeSet<i32> = CARRIES.iter().map(|(code, _)| code.0).collect();
    let missing: Vec<_> = RequestCode::ALL.iter().filter(|code| !listed.contains(&code.0)).collect();
    assert_eq!((missing.len(), CARRIES.len()), (0, RequestCode::ALL.len()), "{missing:?}");
}

async fn broker(dir: &Path) -> Broker {
    let root = dir.join("store");
    std::fs::create_dir(&root).unwrap();
    let settings = ["mapedFileSizeCommitLog=16777216", "maxHashSlotNum=1000", "maxIndexNum=4000"];
    Broker::start(&root, free_port(), &settings).await
}

/// Refusals would say little if everything else of the requests were wrong, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_good_names_a_broker_does_what_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path()).await;
    let connection = broker.connect().await;
    send(&connection, "T", 0, "before").await.unwrap();
    let mut done = Vec::new();
    for (code, _) in CARRIES {
        let answer = connection.request(request(*code, "", ""), WAIT).await.unwrap();
        if answer.response_code() == ResponseCode::SUCCESS {
            done.push(*code);
        }
    }
    assert!(done.len() > 45, "{done:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_name_does_harm() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    let broker = broker(dir.path()).await;
    let honest = Arc::new(broker.connect().await);
    send(&honest, "T", 0, "before").await.unwrap();

    let mut asked = 0;
    let mut taken: BTreeMap<(i32, &str), Vec<String>> = BTreeMap::new();
    let mut asking = JoinSet::new();
    for (code, fields) in CARRIES {
        for (field, bad) in *fields {
            let names = bad_names().into_iter().map(|name| (name, *bad));
            let tricky = TRICKY.map(|name| (name.to_owned(), Harmless("it may be, or it is the system's")));
            for (name, bad) in names.chain(tricky) {
                asked += 1;
                let (honest, command) = (Arc::clone(&honest), request(*code, field, &name));
                asking.spawn(async move { (*code, *field, bad, name, honest.request(command, WAIT).await) });
                if asking.len() > 200 {
                    note(asking.join_next().await.unwrap().unwrap(), &mut taken);
                }
            }
        }
    }
    while let Some(answered) = asking.join_next().await {
        note(answered.unwrap(), &mut taken);
    }
    println!("{asked} requests");
    assert!(taken.is_empty(), "not refused: {taken:#?}");

    send(&honest, "T", 0, "after").await.unwrap();
    let bodies: Vec<_> = read_queue(&honest, "T", 0, 0).await.into_iter().map(|(_, body)| body).collect();
    assert_eq!((bodies.first().unwrap().as_str(), bodies.last().unwrap().as_str()), ("before", "after"));
    // The files are written within seconds.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        2,
        "the store and the test's log: {:?}",
        tree(dir.path())
    );
    assert!(!Path::new("/tmp/gantry-must-not-be").exists());
    for path in tree(&root) {
        for part in path.split('/') {
            assert!(part.bytes().all(|b| b.is_ascii_alphanumeric() || b"%|_-.".contains(&b)), "{path:?}");
        }
        if let Some(topic) = path.strip_prefix("consumequeue/").and_then(|rest| rest.split('/').next()) {
            assert_eq!(check_topic(topic), Ok(()), "{path}");
        }
    }
    let json = |file: &str| -> serde_json::Value {
        let text = std::fs::read(root.join("config").join(file)).unwrap();
        gantry_remoting::fastjson::from_slice(&text).unwrap()
    };
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for topic in keys(&json("topics.json")["topicConfigTable"]) {
        assert_eq!(check_topic(&topic), Ok(()), "{topic:?}");
    }
    for group in keys(&json("subscriptionGroup.json")["subscriptionGroupTable"]) {
        assert_eq!(check_group(&group), Ok(()), "{group:?}");
    }
    for key in keys(&json("consumerOffset.json")["offsetTable"]) {
        let (topic, group) = key.split_once('@').unwrap();
        assert_eq!((check_topic(topic), check_group(group)), (Ok(()), Ok(())), "{key:?}");
    }
}

type Answered = (
    RequestCode,
    &'static str,
    Bad,
    String,
    Result<gantry_remoting::CommandBuf, gantry_remoting::client::Error>,
);

fn note((code, field, bad, name, answer): Answered, taken: &mut BTreeMap<(i32, &'static str), Vec<String>>) {
    let answer = answer.unwrap_or_else(|error| panic!("{code} {field} {:?}: {error}", name.get(..40)));
    if bad == Refused && answer.response_code() == ResponseCode::SUCCESS {
        taken.entry((code.0, field)).or_default().push(name.chars().take(40).collect());
    } else if answer.response_code() != ResponseCode::SUCCESS {
        let remark = answer.remark.unwrap_or_default();
        assert!(!remark.is_empty(), "{code} {field}: a refusal says why");
    }
}
