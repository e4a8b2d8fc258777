//! `kill -9` with messages on their way to consumers that pop: none is lost, none is given again before its time, and what was
//! acknowledged comes again only when a kill followed at once.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a test may panic")]

mod support;

use gantry_remoting::client::Connection;
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};
use std::time::{Duration, Instant};
use support::lives::{Lives, Load, Moment, kills};
use support::pop::{ANY, Ask, Popped, Pops, ack, hide, pop, send};
use support::{Broker, WAIT, free_port, now_ms, read_queue, send_command_with};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn popped_messages_survive_kills() {
    let kills = kills(16);
    let mut lives = Lives::new(Pops::default());
    for n in 0..kills {
        lives.kill(Moment::After(Duration::from_millis(50 + n * 397 % 2500))).await;
    }
    lives.judge().await;
    let (sent, seen) = (lives.load.sent.len(), lives.load.seen.lock().await);
    println!(
        "{kills} kills, {sent} sent, none lost or early, {} given again, {} hidden for longer",
        seen.again, seen.hidden
    );
    assert!(seen.again as u64 > 6 * kills, "messages were left to be given again");
}

async fn started() -> (tempfile::TempDir, Broker, Connection) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    std::fs::create_dir(&root).unwrap();
    let broker = Broker::start(&root, free_port(), Pops::SETTINGS).await;
    let connection = broker.connect().await;
    (dir, broker, connection)
}

fn bodies(popped: &[Popped]) -> Vec<&str> {
    popped.iter().map(|popped| popped.body.as_str()).collect()
}

#[tokio::test]
async fn what_is_hidden_for_longer_comes_later() {
    let (_dir, _broker, connection) = started().await;
    for body in ["a", "b"] {
        assert!(send(&connection, 0, body).await);
    }
    let first = pop(&connection, Ask { invisible: 500, ..ANY }).await.unwrap();
    assert_eq!(bodies(&first), ["a", "b"]);
    let changed = now_ms();
    let answer = hide(&connection, &first[0], 4000).await.unwrap();
    assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
    assert_eq!(answer.find("invisibleTime"), Some("4000"));
    // The old handle is worth nothing any more.
    assert_eq!(hide(&connection, &first[0], 10).await.unwrap().response_code(), ResponseCode::NO_MESSAGE);
    let again = pop(&connection, Ask { poll: 8000, ..ANY }).await.unwrap();
    assert_eq!(bodies(&again), ["b"]);
    assert!(again[0].is_retry && again[0].times == 1);
    assert_eq!(ack(&connection, &again[0]).await, Some(ResponseCode::SUCCESS));
    let later = pop(&connection, Ask { poll: 8000, ..ANY }).await.unwrap();
    assert_eq!(bodies(&later), ["a"]);
    assert!(later[0].pop_time >= changed + 4000);
}

#[tokio::test]
async fn a_pop_that_waits_is_woken() {
    let (_dir, broker, connection) = started().await;
    assert!(send(&connection, 0, "makes the topic").await);
    let first = pop(&connection, ANY).await.unwrap();
    ack(&connection, &first[0]).await.unwrap();
    // Of three that wait one gets the message, and the others go on waiting.
    let connections = [broker.connect().await, broker.connect().await, broker.connect().await];
    let ask = Ask { poll: 1500, invisible: 60_000, ..ANY };
    let start = Instant::now();
    let (a, b, c, ()) = tokio::join!(
        pop(&connections[0], ask),
        pop(&connections[1], ask),
        pop(&connections[2], ask),
        async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(send(&connection, 2, "late").await);
        }
    );
    let all = [a.unwrap(), b.unwrap(), c.unwrap()].concat();
    assert_eq!(bodies(&all), ["late"]);
    // They say in whole milliseconds when they began.
    assert!(start.elapsed() >= Duration::from_millis(1499), "those that got nothing waited");
}

#[tokio::test]
async fn in_order_the_next_come_when_these_are_acknowledged() {
    let (_dir, _broker, connection) = started().await;
    for body in ["a", "b", "c"] {
        assert!(send(&connection, 1, body).await);
    }
    let ask = Ask { most: 2, order: true, attempt: Some("1"), ..ANY };
    let first = pop(&connection, ask).await.unwrap();
    assert_eq!(bodies(&first), ["a", "b"]);
    assert_eq!(bodies(&pop(&connection, ask).await.unwrap()), ["a", "b"], "who has not got the answer");
    let other = Ask { attempt: Some("2"), ..ask };
    assert!(pop(&connection, other).await.unwrap().is_empty(), "blocked");
    let first = pop(&connection, ask).await.unwrap();
    ack(&connection, &first[0]).await.unwrap();
    assert!(pop(&connection, other).await.unwrap().is_empty(), "blocked still");
    let waits = pop(&connection, Ask { poll: 3000, ..other });
    let (next, _) = tokio::join!(waits, ack(&connection, &first[1]));
    assert_eq!(bodies(&next.unwrap()), ["c"]);
    // Nobody acknowledges it: it comes again, from its queue.
    let again = pop(&connection, Ask { poll: 8000, attempt: Some("3"), ..ask }).await.unwrap();
    assert_eq!(bodies(&again), ["c"]);
    assert!(!again[0].is_retry);
}

/// Recovery would cut the log at a record whose properties cannot be read.
#[tokio::test]
async fn a_message_without_room_for_more_properties_comes_again_and_a_kill_loses_nothing() {
    let (dir, broker, connection) = started().await;
    assert!(send(&connection, 0, "makes the topic").await);
    let made = pop(&connection, ANY).await.unwrap();
    assert_eq!(ack(&connection, &made[0]).await, Some(ResponseCode::SUCCESS));
    // The most that is taken, with what the broker adds.
    let mut len = 32_767;
    loop {
        let text = format!("K\u{1}{}\u{2}", "v".repeat(len - 3));
        let command = send_command_with("T", 0, &text, false, "full");
        match connection.request(command, WAIT).await.unwrap().response_code() {
            ResponseCode::SUCCESS => break,
            ResponseCode::MESSAGE_ILLEGAL => len -= 1,
            other => panic!("{other}"),
        }
    }
    let full = pop(&connection, Ask { invisible: 100, ..ANY }).await.unwrap();
    assert_eq!(bodies(&full), ["full"]);
    let again = pop(&connection, Ask { poll: 8000, ..ANY }).await.unwrap();
    assert_eq!(bodies(&again), ["full"]);
    assert!(again[0].is_retry);
    assert!(send(&connection, 0, "behind it").await);
    assert_eq!(ack(&connection, &again[0]).await, Some(ResponseCode::SUCCESS));
    broker.kill();
    let broker = Broker::start(&dir.path().join("store"), free_port(), Pops::SETTINGS).await;
    let connection = broker.connect().await;
    assert_eq!(read_queue(&connection, "%RETRY%g_T", 0, 0).await.len(), 1);
    let all = read_queue(&connection, "T", 0, 0).await;
    assert_eq!(
        all.iter().map(|(_, body)| body.as_str()).collect::<Vec<_>>(),
        ["makes the topic", "full", "behind it"]
    );
}

#[tokio::test]
async fn what_is_stored_is_popped_while_the_disk_is_too_full_for_more() {
    let (dir, broker, connection) = started().await;
    for body in ["a", "b"] {
        assert!(send(&connection, 0, body).await);
    }
    broker.kill();
    let full = [Pops::SETTINGS, &["diskSpaceWarningLevelRatio=0.0001"]].concat();
    let broker = Broker::start(&dir.path().join("store"), free_port(), &full).await;
    let connection = broker.connect().await;
    assert!(!send(&connection, 0, "c").await, "no more is taken");
    let popped = pop(&connection, ANY).await.unwrap();
    assert_eq!(bodies(&popped), ["a", "b"]);
    assert_eq!(ack(&connection, &popped[0]).await, Some(ResponseCode::SUCCESS));
    let hidden = hide(&connection, &popped[1], 60_000).await.unwrap();
    assert_eq!(hidden.response_code(), ResponseCode::SUCCESS, "{:?}", hidden.remark);
    assert!(pop(&connection, ANY).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_topic_that_is_made_anew_after_a_kill_gives_groups_its_first_messages() {
    let (dir, broker, connection) = started().await;
    let root = dir.path().join("store");
    for body in ["a", "b", "c"] {
        assert!(send(&connection, 0, body).await);
    }
    let old = pop(&connection, Ask { most: 2, invisible: 60_000, ..ANY }).await.unwrap();
    assert_eq!(bodies(&old), ["a", "b"]);
    let saved = || std::fs::read_to_string(root.join("config/consumerOffset.json")).unwrap_or_default();
    while !saved().contains(r#""T@g":{"0":2"#) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    broker.kill();
    // What is not saved with the answer is not saved at all.
    let never = [Pops::SETTINGS, &["flushConsumerOffsetInterval=600000"]].concat();
    let broker = Broker::start(&root, free_port(), &never).await;
    let connection = broker.connect().await;
    let delete = CommandBuf::request(RequestCode::DELETE_TOPIC_IN_BROKER).with("topic", "T");
    let answer = connection.request(delete, WAIT).await.unwrap();
    assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
    broker.kill();
    let broker = Broker::start(&root, free_port(), Pops::SETTINGS).await;
    let connection = broker.connect().await;
    for body in ["d", "e", "f"] {
        assert!(send(&connection, 0, body).await);
    }
    let new = pop(&connection, Ask { invisible: 60_000, ..ANY }).await.unwrap();
    assert_eq!(bodies(&new), ["d", "e", "f"]);
    // What was given of the old one is not on its way any more.
    let hidden = hide(&connection, &old[0], 60_000).await.unwrap();
    assert_eq!(hidden.response_code(), ResponseCode::NO_MESSAGE, "{:?}", hidden.remark);
}
