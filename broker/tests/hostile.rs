//! Clients that mean harm, or do not know better: they get a clear refusal or a closed connection, and honest clients do
//! not notice.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

mod support;

use bytes::BytesMut;
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};
use std::time::{Duration, Instant};
use support::{Broker, WAIT, free_port, read_queue, send, send_command, send_command_with};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn broker() -> (Broker, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    std::fs::create_dir(&root).unwrap();
    let settings = ["mapedFileSizeCommitLog=16777216", "maxHashSlotNum=1000", "maxIndexNum=4000"];
    (Broker::start(&root, free_port(), &settings).await, dir)
}

/// A fixed sequence of bytes that looks like nothing.
fn noise(mut seed: u64, len: usize) -> Vec<u8> {
    (0..len)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as u8
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_closed_and_costs_nothing() {
    let (broker, _dir) = broker().await;
    let honest = broker.connect().await;
    send(&honest, "T", 0, "before").await.unwrap();
    let before = broker.memory_kib("RssAnon");
    let mut frame = BytesMut::new();
    send_command("T", 0, "cut").encode(&mut frame);
    let mut garbage = vec![
        // Declared: 2 GiB, then 16 MiB and a byte, then a header longer than its frame.
        [&0x7FFF_FFFF_u32.to_be_bytes()[..], &[0; 100]].concat(),
        [&0x0100_0001_u32.to_be_bytes()[..], &[0; 100]].concat(),
        vec![0, 0, 0, 9, 0, 0, 1, 0, 1, 2, 3, 4, 5],
        // Half a header, then silence from the client's side.
        frame[..20].to_vec(),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
    ];
    garbage.extend((0..300).map(|seed| noise(seed, 300)));
    for bytes in &garbage {
        let mut stream = TcpStream::connect(&broker.addr).await.unwrap();
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        // A reset is a close too.
        let _ = tokio::time::timeout(WAIT, stream.read_to_end(&mut answer)).await.expect("closed");
        assert_eq!(answer, b"", "{bytes:?}");
    }
    send(&honest, "T", 0, "after").await.unwrap();
    assert_eq!(read_queue(&honest, "T", 0, 0).await.len(), 2);
    let grown = broker.memory_kib("RssAnon").saturating_sub(before);
    assert!(grown < 8 * 1024, "grew by {grown} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_refused_with_a_reason() {
    let (broker, dir) = broker().await;
    let connection = broker.connect().await;
    let ask = async |command: CommandBuf| connection.request(command, WAIT).await.unwrap();
    for topic in ["../../x", "a/b", "", "a b", "\u{0}", "x.y", &"t".repeat(200)] {
        let answer = ask(send_command(topic, 0, "x")).await;
        assert_eq!(answer.response_code(), ResponseCode::INVALID_PARAMETER, "{topic:?}");
        assert!(answer.remark.is_some_and(|text| !text.is_empty()));
    }
    let message = [0_u8, 0, 0, 22, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let batch = |properties| ask(send_command_with("T", 0, properties, true, message.to_vec()));
    assert_eq!(batch("").await.response_code(), ResponseCode::SUCCESS);
    assert_eq!(batch("DELAY\u{1}1\u{2}").await.response_code(), ResponseCode::MESSAGE_ILLEGAL);
    for code in [0, -1, 99_999, i32::MAX] {
        let answer = ask(CommandBuf::request(RequestCode(code))).await;
        assert_eq!(answer.response_code(), ResponseCode::REQUEST_CODE_NOT_SUPPORTED);
    }
    // Every code with nothing in it, and with a body that is no JSON: an answer each time, and no crash.
    for code in (1..1100).chain(200_000..200_200) {
        for body in ["", "{", "[[[[", "{\"mqSet\":null}"] {
            let answer = ask(CommandBuf::request(RequestCode(code)).with_body(body)).await;
            assert!(answer.is_response(), "{code}");
        }
    }
    // Numbers at their edges.
    for (queue, offset) in [(i32::MIN, i64::MIN), (i32::MAX, i64::MAX), (-1, -1)] {
        for code in [11, 14, 15, 29, 30, 31, 32, 33, 36] {
            let command = CommandBuf::request(RequestCode(code))
                .with("consumerGroup", "g")
                .with("group", "g")
                .with("topic", "T")
                .with("queueId", queue.to_string())
                .with("queueOffset", offset.to_string())
                .with("offset", offset.to_string())
                .with("commitOffset", offset.to_string())
                .with("timestamp", offset.to_string())
                .with("delayLevel", queue.to_string())
                .with("maxMsgNums", queue.to_string())
                .with("sysFlag", "4")
                .with("suspendTimeoutMillis", offset.to_string())
                .with("subVersion", offset.to_string());
            assert!(ask(command).await.is_response());
        }
    }
    send(&connection, "T", 0, "still here").await.unwrap();
    let outside: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(outside.len(), 2, "only the store and the test's log: {outside:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_slow_connections_hurt_nobody() {
    let (broker, _dir) = broker().await;
    let honest = broker.connect().await;
    send(&honest, "T", 0, "first").await.unwrap();
    let (alone, before) = (median_send(&honest).await, broker.memory_kib("RssAnon"));
    let mut frame = BytesMut::new();
    send_command("T", 0, vec![7; 4096]).encode(&mut frame);
    let mut slow = Vec::new();
    for _ in 0..1000 {
        slow.push(TcpStream::connect(&broker.addr).await.unwrap());
    }
    // Each drips a byte now and then; none ever finishes its frame.
    let mut beside = Vec::new();
    for round in 0..10 {
        for stream in &mut slow {
            let _ = stream.write_all(&frame[round..=round]).await;
        }
        beside.push(median_send(&honest).await);
    }
    beside.sort();
    let grown = broker.memory_kib("RssAnon").saturating_sub(before);
    println!(
        "send: {alone:?} alone, {:?} beside 1,000 dripping connections, which took {grown} KiB",
        beside[5]
    );
    assert!(grown < 16 * 1024, "grew by {grown} KiB");
    // They are given up; connections that do nothing wrong are not.
    let closed = async {
        let mut byte = [0];
        while slow[0].read(&mut byte).await.is_ok_and(|n| n > 0) {}
    };
    tokio::time::timeout(Duration::from_secs(25), closed)
        .await
        .expect("a slow frame is given up after ten seconds");
    send(&honest, "T", 0, "last").await.unwrap();
}

async fn median_send(connection: &gantry_remoting::client::Connection) -> Duration {
    let mut times = Vec::new();
    for _ in 0..50 {
        let start = Instant::now();
        send(connection, "T", 0, "x").await.unwrap();
        times.push(start.elapsed());
    }
    times.sort();
    times[25]
}
