//! What a producer does with answers, and without them.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

mod support;

use gantry::producer::{Producer, SendError, SendStatus, Target};
use gantry_remoting::header::{FromFields as _, SendMessageV2};
use gantry_remoting::reply::Answer;
use gantry_remoting::{Command, ResponseCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::{PATIENCE, message, name_servers, scripted, scripted_name_server};

const SHORT: Duration = Duration::from_millis(300);

fn stored(command: &Command<'_>) -> Answer {
    let header = SendMessageV2::from_fields(command.ext).unwrap();
    Answer::ok()
        .with("msgId", "7F00000100002A9F0000000000000000")
        .with("queueId", header.queue_id)
        .with("queueOffset", 7)
}

/// A broker that counts what it is asked.
async fn counting(
    answer: impl Fn(&Command<'_>) -> Option<Answer> + Send + Sync + 'static,
) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let addr = scripted(move |command, _| {
        counter.fetch_add(1, Ordering::SeqCst);
        answer(command)
    });
    (addr.await, count)
}

async fn producer(brokers: &[(&str, std::net::SocketAddr)], timeout: Duration) -> Producer {
    Producer::new(name_servers(&scripted_name_server(brokers, 2).await), timeout)
}

#[tokio::test]
async fn a_busy_broker_is_left_for_another() {
    let (busy, asked) =
        counting(|_| Some(Answer::ok().with_code(ResponseCode::SYSTEM_BUSY, "[REJECTREQUEST]"))).await;
    let (idle, took) = counting(|command| Some(stored(command))).await;
    let producer = producer(&[("busy", busy), ("idle", idle)], PATIENCE).await;
    let mut attempts = Vec::new();
    for _ in 0..8 {
        let receipt = producer.send(&message("T", "x"), &Target::Any).await.unwrap();
        assert_eq!((receipt.queue.broker_name.as_str(), receipt.queue_offset), ("idle", 7));
        attempts.push(receipt.attempts);
    }
    assert!(attempts.contains(&2), "{attempts:?}");
    assert_eq!(took.load(Ordering::SeqCst), 8, "each message is stored once");
    assert_eq!(asked.load(Ordering::SeqCst), attempts.iter().filter(|n| **n == 2).count());
}

#[tokio::test]
async fn a_broker_that_is_gone_is_left_for_another() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (idle, _) = counting(|command| Some(stored(command))).await;
    let producer = producer(&[("gone", gone), ("idle", idle)], PATIENCE).await;
    for _ in 0..4 {
        assert_eq!(producer.send(&message("T", "x"), &Target::Any).await.unwrap().queue.broker_name, "idle");
    }
}

#[tokio::test]
async fn three_attempts_are_enough() {
    let (busy, asked) = counting(|_| Some(Answer::ok().with_code(ResponseCode::SYSTEM_BUSY, "busy"))).await;
    let error =
        producer(&[("busy", busy)], PATIENCE).await.send(&message("T", "x"), &Target::Any).await.unwrap_err();
    assert!(matches!(error, SendError::Failed { attempts: 3, .. }), "{error}");
    assert!(error.to_string().contains("SYSTEM_BUSY(2): busy (attempt 3 of 3)"), "{error}");
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn without_an_answer_nothing_is_sent_twice() {
    let (silent, asked) = counting(|_| None).await;
    let error = producer(&[("silent", silent)], SHORT)
        .await
        .send(&message("T", "x"), &Target::Any)
        .await
        .unwrap_err();
    assert!(matches!(error, SendError::Unknown { .. }), "{error}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn when_the_connection_breaks_nothing_is_sent_twice() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let breaking = scripted(move |_, peer| {
        counter.fetch_add(1, Ordering::SeqCst);
        peer.close();
        None
    });
    let producer = producer(&[("breaking", breaking.await)], PATIENCE).await;
    let error = producer.send(&message("T", "x"), &Target::Any).await.unwrap_err();
    assert!(matches!(error, SendError::Unknown { .. }), "{error}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_refusal_is_final_where_no_queue_would_take_it() {
    let (strict, asked) =
        counting(|_| Some(Answer::ok().with_code(ResponseCode::MESSAGE_ILLEGAL, "too large"))).await;
    let producer = producer(&[("strict", strict)], PATIENCE).await;
    let error = producer.send(&message("T", "x"), &Target::Any).await.unwrap_err();
    assert!(matches!(error, SendError::Failed { attempts: 1, .. }), "{error}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_chosen_queue_is_not_left_for_another() {
    let (busy, asked) = counting(|_| Some(Answer::ok().with_code(ResponseCode::SYSTEM_BUSY, "busy"))).await;
    let (idle, took) = counting(|command| Some(stored(command))).await;
    let producer = producer(&[("a", busy), ("b", idle)], PATIENCE).await;
    let target = Target::Queue { broker_name: Some("a".into()), queue_id: 1 };
    let error = producer.send(&message("T", "x"), &target).await.unwrap_err();
    assert!(matches!(error, SendError::Failed { attempts: 1, .. }), "{error}");
    assert_eq!((asked.load(Ordering::SeqCst), took.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test]
async fn stored_but_less_safe_is_stored_and_said() {
    let (alone, _) =
        counting(|command| Some(stored(command).with_code(ResponseCode::SLAVE_NOT_AVAILABLE, ""))).await;
    let producer = producer(&[("alone", alone)], PATIENCE).await;
    let receipt = producer.send(&message("T", "x"), &Target::Any).await.unwrap();
    assert_eq!((receipt.status, receipt.attempts), (SendStatus::SlaveNotAvailable, 1));
}
