//! The limits of what a client may ask: just within them it is done, just beyond them it is refused, and the broker goes on.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a test may panic")]

mod support;

use gantry_message::{batch, properties};
use gantry_remoting::client::Connection;
use gantry_remoting::fastjson::MAX_OBJECTS;
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};
use std::time::Duration;
use support::names::request;
use support::{Broker, WAIT, free_port, read_queue, send, send_command_with};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SETTINGS: [&str; 5] = [
    "mapedFileSizeCommitLog=33554432",
    "maxHashSlotNum=1000",
    "maxIndexNum=4000",
    "enablePropertyFilter=true",
    "maxMessageSize=1048576",
];

async fn broker(dir: &tempfile::TempDir, port: u16) -> Broker {
    let root = dir.path().join("store");
    let _ = std::fs::create_dir(&root);
    Broker::start(&root, port, &SETTINGS).await
}

async fn code(connection: &Connection, command: CommandBuf) -> ResponseCode {
    let answer = connection.request(command, WAIT).await.unwrap();
    assert!(
        answer.response_code() == ResponseCode::SUCCESS
            || answer.remark.as_ref().is_some_and(|text| !text.is_empty())
    );
    answer.response_code()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_bytes_that_promise_much_cost_next_to_nothing() {
    const COUNT: u64 = 1_000;
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(&dir, free_port()).await;
    let mut streams = Vec::new();
    for _ in 0..COUNT {
        streams.push(TcpStream::connect(&broker.addr).await.unwrap());
    }
    let honest = broker.connect().await;
    send(&honest, "T", 0, "x").await.unwrap();
    let before = broker.memory_kib("RssAnon");
    for stream in &mut streams {
        // A frame of 16 MiB, a header of 64 KiB.
        stream
            .write_all(&[1, 0, 0, 0, 0, 0, 0xFF, 0xFF, b'{', b'"', b'c', b'o', b'd', b'e', b'"', b':'])
            .await
            .unwrap();
    }
    send(&honest, "T", 0, "x").await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let grown = broker.memory_kib("RssAnon").saturating_sub(before);
    println!("{COUNT} lies: {grown} KiB");
    assert!(grown <= COUNT, "{grown} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_properties_and_bodies_have_their_lengths() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(&dir, free_port()).await;
    let honest = broker.connect().await;
    let sent = async |topic: &str, properties: &str, len: usize| {
        code(&honest, send_command_with(topic, 0, properties, false, vec![7; len])).await
    };
    assert_eq!(sent(&"t".repeat(127), "", 1).await, ResponseCode::SUCCESS);
    assert_eq!(sent(&"t".repeat(128), "", 1).await, ResponseCode::INVALID_PARAMETER);
    // The broker adds some of its own: a region, a cluster, a key.
    let long = |len: usize| format!("k\u{1}{}\u{2}", "v".repeat(len - 3));
    assert_eq!(sent("T", &long(properties::MAX_LEN - 300), 1).await, ResponseCode::SUCCESS);
    assert_eq!(sent("T", &long(properties::MAX_LEN), 1).await, ResponseCode::MESSAGE_ILLEGAL);
    assert_eq!(sent("T", &long(properties::MAX_LEN + 1), 1).await, ResponseCode::MESSAGE_ILLEGAL);
    assert_eq!(sent("T", "k\u{1}a\0b\u{2}", 1).await, ResponseCode::MESSAGE_ILLEGAL);
    assert_eq!(sent("T", "", 1024 * 1024).await, ResponseCode::SUCCESS);
    assert_eq!(sent("T", "", 1024 * 1024 + 1).await, ResponseCode::MESSAGE_ILLEGAL);

    let group = async |len: usize| {
        let command = CommandBuf::request(RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP);
        code(&honest, command.with_body(format!(r#"{{"groupName":"{}"}}"#, "g".repeat(len)))).await
    };
    assert_eq!(group(255).await, ResponseCode::SUCCESS);
    assert_eq!(group(256).await, ResponseCode::INVALID_PARAMETER);
    let client = async |len: usize| {
        let command = CommandBuf::request(RequestCode::HEART_BEAT);
        code(&honest, command.with_body(format!(r#"{{"clientID":"{}"}}"#, "c".repeat(len)))).await
    };
    assert_eq!(client(1024).await, ResponseCode::SUCCESS);
    assert_eq!(client(1025).await, ResponseCode::INVALID_PARAMETER);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_as_long_as_it_says_and_no_longer_than_a_message_may_be() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(&dir, free_port()).await;
    let honest = broker.connect().await;
    let element = batch::Element { flag: 0, body: &[7; 1000], properties: "" };
    let mut body = Vec::new();
    for _ in 0..100 {
        batch::push(&mut body, element);
    }
    let sent = async |body: Vec<u8>| code(&honest, send_command_with("T", 0, "", true, body)).await;
    assert_eq!(sent(body.clone()).await, ResponseCode::SUCCESS);
    assert_eq!(sent(body.repeat(11)).await, ResponseCode::MESSAGE_ILLEGAL, "more than maxMessageSize");
    assert_eq!(sent(Vec::new()).await, ResponseCode::MESSAGE_ILLEGAL);
    for at in [0, 3, 16, 19, 1021] {
        let mut lie = body.clone();
        lie[at] ^= 0x41;
        assert_eq!(sent(lie).await, ResponseCode::MESSAGE_ILLEGAL, "{at}");
    }
    assert_eq!(sent(body[..body.len() - 1].to_vec()).await, ResponseCode::MESSAGE_ILLEGAL);
    let mut with_zero = body.clone();
    batch::push(&mut with_zero, batch::Element { properties: "k\u{1}a\0b\u{2}", ..element });
    assert_eq!(sent(with_zero).await, ResponseCode::MESSAGE_ILLEGAL);
    let max = CommandBuf::request(RequestCode::GET_MAX_OFFSET).with("topic", "T").with("queueId", "0");
    let max = honest.request(max, WAIT).await.unwrap();
    assert_eq!(max.find("offset"), Some("100"), "nothing of what was refused is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_are_neither_deep_nor_of_endless_objects() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(&dir, free_port()).await;
    let honest = broker.connect().await;
    send(&honest, "T", 0, "x").await.unwrap();
    let beat = async |body: String| {
        code(&honest, CommandBuf::request(RequestCode::HEART_BEAT).with_body(body)).await
    };
    let deep = |depth: usize| format!(r#"{{"clientID":"c","x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert_eq!(beat(deep(30)).await, ResponseCode::SUCCESS);
    assert_eq!(beat(deep(40)).await, ResponseCode::SYSTEM_ERROR);
    assert_eq!(beat(deep(1_000_000)).await, ResponseCode::SYSTEM_ERROR);
    let many = |list: &str, count: usize| {
        format!(r#"{{"clientID":"c","{list}":[{}]}}"#, vec!["{}"; count].join(","))
    };
    assert_eq!(beat(many("producerDataSet", MAX_OBJECTS - 1)).await, ResponseCode::SUCCESS);
    assert_eq!(beat(many("producerDataSet", MAX_OBJECTS)).await, ResponseCode::SYSTEM_ERROR);
    // As many as a frame holds, of every list whose members have something by themselves.
    let before = broker.memory_kib("VmHWM");
    for (of, list) in [
        (34, "consumerDataSet"),
        (225, "groupConfigList"),
        (18, "topicConfigList"),
        (200_151, "acks"),
        (41, "mqSet"),
    ] {
        let command = CommandBuf::request(RequestCode(of)).with_body(many(list, 5_000_000));
        assert_ne!(code(&honest, command).await, ResponseCode::SUCCESS, "{list}");
    }
    let grown = broker.memory_kib("VmHWM").saturating_sub(before);
    println!("bodies of millions of objects: {grown} KiB at the most");
    assert!(grown < 100 * 1024, "{grown} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expressions_are_neither_long_nor_deep() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(&dir, free_port()).await;
    let honest = broker.connect().await;
    let checked = async |expression: String| {
        let text = serde_json::to_string(&expression).unwrap();
        let body =
            format!(r#"{{"subscriptionData":{{"topic":"T","subString":{text},"expressionType":"SQL92"}}}}"#);
        code(&honest, CommandBuf::request(RequestCode::CHECK_CLIENT_CONFIG).with_body(body)).await
    };
    let deep = |depth: usize| format!("{}a = 'x'{}", "(".repeat(depth), ")".repeat(depth));
    let long = |len: usize| format!("a = '{}'", "x".repeat(len - 6));
    assert_eq!(checked(deep(50)).await, ResponseCode::SUCCESS);
    assert_eq!(checked(deep(gantry_filter::MAX_DEPTH + 1)).await, ResponseCode::SUBSCRIPTION_PARSE_FAILED);
    assert_eq!(checked(deep(30_000)).await, ResponseCode::SUBSCRIPTION_PARSE_FAILED);
    assert_eq!(checked(long(gantry_filter::MAX_LEN)).await, ResponseCode::SUCCESS);
    assert_eq!(checked(long(gantry_filter::MAX_LEN + 1)).await, ResponseCode::SUBSCRIPTION_PARSE_FAILED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_in_memory_is_of_things_that_there_are() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(&dir, free_port()).await;
    let honest = broker.connect().await;
    send(&honest, "T", 0, "x").await.unwrap();
    let lock = CommandBuf::request(RequestCode::LOCK_BATCH_MQ).with_body(
        r#"{"consumerGroup":"g","clientId":"c","mqSet":[{"brokerName":"b","queueId":0,"topic":"T"},{"brokerName":"b","queueId":65536,"topic":"T"},{"brokerName":"b","queueId":0,"topic":"none"}]}"#,
    );
    let locked = honest.request(lock, WAIT).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&locked.body).matches("queueId").count(), 1, "{locked:?}");
    let commit = |queue: i32| {
        let command = CommandBuf::request(RequestCode::UPDATE_CONSUMER_OFFSET)
            .with("consumerGroup", "g")
            .with("topic", "T");
        command.with("queueId", queue.to_string()).with("commitOffset", "0")
    };
    assert_eq!(code(&honest, commit(3)).await, ResponseCode::SUCCESS);
    for queue in [-1, 4, i32::MAX] {
        assert_ne!(code(&honest, commit(queue)).await, ResponseCode::SUCCESS, "{queue}");
        let reset = request(RequestCode::INVOKE_BROKER_TO_RESET_OFFSET, "queueId", &queue.to_string());
        assert_eq!(code(&honest, reset).await == ResponseCode::SUCCESS, queue == -1, "{queue}");
    }
    let group = |queues: i32| {
        let body = format!(r#"{{"groupName":"many","retryQueueNums":{queues}}}"#);
        CommandBuf::request(RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP).with_body(body)
    };
    assert_eq!(code(&honest, group(65_536)).await, ResponseCode::SUCCESS);
    assert_eq!(code(&honest, group(i32::MAX)).await, ResponseCode::INVALID_PARAMETER);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_at_their_edges_are_times() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(&dir, free_port()).await;
    let honest = broker.connect().await;
    send(&honest, "T", 0, "x").await.unwrap();
    for born in [i64::MIN, -1, 0, 1, i64::MAX] {
        for (poll, queue) in [(0, 0), (i64::MAX, 0), (i64::MIN, i32::MAX), (0, i32::MIN)] {
            for of in [RequestCode::POP_MESSAGE, RequestCode::NOTIFICATION] {
                let mut command = request(of, "bornTime", &born.to_string());
                let mut set = |name: &str, value: String| {
                    command
                        .ext
                        .iter_mut()
                        .filter(|(known, _)| known == name)
                        .for_each(|(_, old)| *old = value.clone());
                };
                set("pollTime", poll.to_string());
                set("queueId", queue.to_string());
                set("maxMsgNums", "1".into());
                set("invisibleTime", i64::MAX.to_string());
                let connection = broker.connect().await;
                // It may wait for a message: then nothing comes, and the connection stays.
                let answer = connection.request(command, Duration::from_millis(30)).await;
                assert!(
                    !matches!(answer, Err(gantry_remoting::client::Error::Closed(_))),
                    "{of} {born} {poll} {queue}"
                );
            }
        }
    }
    send(&honest, "T", 0, "after").await.unwrap();
}

/// Found here: such a reply left a hole in its queue at the next recovery, and what was before it was not found any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_is_no_part_of_a_transaction_whatever_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let broker_before = broker(&dir, port).await;
    let honest = broker_before.connect().await;
    for n in 0..10 {
        send(&honest, "T", 0, &n.to_string()).await.unwrap();
    }
    for flag in ["4", "8", "12"] {
        for (of, field) in
            [(RequestCode::SEND_REPLY_MESSAGE, "sysFlag"), (RequestCode::SEND_REPLY_MESSAGE_V2, "f")]
        {
            let _ = honest.request(request(of, field, flag), WAIT).await.unwrap();
        }
    }
    send(&honest, "T", 0, "last").await.unwrap();
    let seen = read_queue(&honest, "T", 0, 0).await;
    assert_eq!(seen.len(), 17);
    // The files are written by a thread of its own.
    tokio::time::sleep(Duration::from_secs(2)).await;
    drop(honest);
    broker_before.kill();
    let broker = broker(&dir, port).await;
    assert_eq!(read_queue(&broker.connect().await, "T", 0, 0).await, seen);
}

/// What a client does not read is not made either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_answers_to_nobody_are_not_piled_up() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(&dir, free_port()).await;
    let honest = broker.connect().await;
    for _ in 0..20 {
        let message = send_command_with("T", 0, "KEYS\u{1}large\u{2}", false, vec![7; 900_000]);
        assert_eq!(code(&honest, message).await, ResponseCode::SUCCESS);
    }
    let before = broker.memory_kib("RssAnon");
    let mut bytes = bytes::BytesMut::new();
    for opaque in 0..2_000 {
        let query = request(RequestCode::QUERY_MESSAGE, "key", "large");
        let query = CommandBuf { opaque, ..query };
        let mut query = query;
        query.ext.iter_mut().filter(|(name, _)| name == "maxNum").for_each(|(_, value)| *value = "64".into());
        query.encode(&mut bytes);
    }
    let mut unreading = TcpStream::connect(&broker.addr).await.unwrap();
    let _ = tokio::time::timeout(Duration::from_secs(3), unreading.write_all(&bytes)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let grown = broker.memory_kib("RssAnon").saturating_sub(before) / 1024;
    println!("2,000 answers of 16 MiB that nobody reads: {grown} MiB");
    assert!(grown < 700, "{grown} MiB");
    send(&honest, "T", 0, "still here").await.unwrap();
    let mut first = [0; 4];
    unreading.read_exact(&mut first).await.unwrap();
    assert!(
        u32::from_be_bytes(first) as usize <= gantry_remoting::frame::MAX_FRAME,
        "no client takes a larger frame"
    );
}
