//! Settings of groups and topics that change under those who use them.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

mod support;

use gantry_remoting::body::{FLAG_UNIT_SUB, TopicConfigTable};
use gantry_remoting::client::Connection;
use gantry_remoting::header::{PullMessage, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode, fastjson};
use support::{Broker, WAIT, free_port, send, send_command};

const HEARTBEAT: &str = r#"{"clientID":"c","producerDataSet":[],"consumerDataSet":[{"groupName":"g",
    "consumeType":"CONSUME_PASSIVELY","messageModel":"BROADCASTING","consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET",
    "unitMode":false,"subscriptionDataSet":[{"classFilterMode":false,"topic":"T","subString":"*","tagsSet":[],
    "codeSet":[],"subVersion":1,"expressionType":"TAG"}]}]}"#;

/// A member that has heard of its group's messages up to 1 and may wait for the next.
fn pull(subscription: Option<&str>) -> CommandBuf {
    let suspend = 2;
    let with_subscription = if subscription.is_some() { 4 } else { 0 };
    let pull = PullMessage {
        consumer_group: "g",
        topic: "T",
        queue_id: 0,
        queue_offset: 1,
        max_msg_nums: 32,
        sys_flag: suspend | with_subscription,
        commit_offset: 0,
        suspend_timeout_millis: 15_000,
        subscription,
        sub_version: 0,
        expression_type: None,
        max_msg_bytes: None,
    };
    pull.into_command(CommandBuf::request(RequestCode::PULL_MESSAGE))
}

async fn started() -> (tempfile::TempDir, Broker) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    std::fs::create_dir(&root).unwrap();
    let broker = Broker::start(&root, free_port(), &[]).await;
    (dir, broker)
}

async fn ask(connection: &Connection, code: RequestCode, body: String) {
    let answer = connection.request(CommandBuf::request(code).with_body(body), WAIT).await.unwrap();
    assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
}

async fn set(connection: &Connection, setting: &str, on: bool) {
    let body = format!(r#"{{"groupName":"g","{setting}":{on}}}"#);
    ask(connection, RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, body).await;
}

/// What a pull gets that waits when `setting` is taken away, and one that comes when it is given back.
async fn waits_without(setting: &str, subscription: Option<&str>) -> (ResponseCode, ResponseCode) {
    let (_dir, broker) = started().await;
    let (waits, acts) = (broker.connect().await, broker.connect().await);
    send(&acts, "T", 0, "first").await.unwrap();
    ask(&waits, RequestCode::HEART_BEAT, HEARTBEAT.into()).await;
    let (answer, ()) = tokio::join!(waits.request(pull(subscription), WAIT), async {
        // Requests of one connection are handled one after the other: the pull is held when this is answered.
        ask(&waits, RequestCode::HEART_BEAT, HEARTBEAT.into()).await;
        set(&acts, setting, false).await;
        send(&acts, "T", 0, "second").await.unwrap();
    });
    set(&acts, setting, true).await;
    let again = waits.request(pull(subscription), WAIT).await.unwrap();
    (answer.unwrap().response_code(), again.response_code())
}

#[tokio::test]
async fn a_pull_that_waits_gets_nothing_once_its_group_is_suspended() {
    let refused = (ResponseCode::NO_PERMISSION, ResponseCode::SUCCESS);
    assert_eq!(waits_without("consumeEnable", None).await, refused);
    assert_eq!(waits_without("consumeEnable", Some("*")).await, refused);
}

#[tokio::test]
async fn a_pull_that_waits_gets_nothing_once_its_group_may_not_broadcast() {
    let refused = (ResponseCode::NO_PERMISSION, ResponseCode::SUCCESS);
    assert_eq!(waits_without("consumeBroadcastEnable", None).await, refused);
    // Who sends the filter along is not asked for the rest, as in Apache's broker.
    let served = (ResponseCode::SUCCESS, ResponseCode::SUCCESS);
    assert_eq!(waits_without("consumeBroadcastEnable", Some("*")).await, served);
}

#[tokio::test]
async fn a_topic_that_takes_no_messages_is_given_none_by_the_broker() {
    let (_dir, broker) = started().await;
    let connection = broker.connect().await;
    send(&connection, "T", 0, "makes the topic").await.unwrap();
    let mut command = CommandBuf::request(RequestCode::UPDATE_AND_CREATE_TOPIC);
    for (name, value) in
        [("topic", "T"), ("defaultTopic", "TBW102"), ("readQueueNums", "4"), ("writeQueueNums", "0")]
    {
        command = command.with(name, value);
    }
    for (name, value) in [("perm", "6"), ("topicFilterType", "SINGLE_TAG"), ("order", "false")] {
        command = command.with(name, value);
    }
    assert_eq!(connection.request(command, WAIT).await.unwrap().response_code(), ResponseCode::SUCCESS);
    let left_to_it = connection.request(send_command("T", -1, "any"), WAIT).await.unwrap();
    assert_eq!(left_to_it.response_code(), ResponseCode::SYSTEM_ERROR);
    // Who knows a queue that is still read may use it: the route may be older than the change.
    send(&connection, "T", 0, "known").await.unwrap();
}

#[tokio::test]
async fn the_topic_of_a_group_of_a_unit_says_so() {
    let (_dir, broker) = started().await;
    let connection = broker.connect().await;
    let heartbeat = HEARTBEAT.replace("\"unitMode\":false", "\"unitMode\":true");
    ask(&connection, RequestCode::HEART_BEAT, heartbeat).await;
    let command = CommandBuf::request(RequestCode::GET_ALL_TOPIC_CONFIG);
    let answer = connection.request(command, WAIT).await.unwrap();
    let table: TopicConfigTable = fastjson::from_slice(&answer.body).unwrap();
    assert_eq!(table.topic_config_table["%RETRY%g"].topic_sys_flag, FLAG_UNIT_SUB);
}
