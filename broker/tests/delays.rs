//! `kill -9` with messages in delay levels, and with consumers that send messages back: none is lost or early, and none comes twice
//! but what a consumer sent back twice.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

mod support;

use support::delays::Delays;
use support::lives::{Lives, Moment, kills};
use support::retries::Retries;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_message_comes_once_after_its_delay_through_kills() {
    let kills = kills(20);
    let mut lives = Lives::new(Delays::default());
    for n in 0..kills {
        lives.kill(Moment::Done(20 + n * 397 % 3000)).await;
    }
    lives.judge().await;
    let Delays { acked, seen, .. } = lives.load;
    println!("{kills} kills, {} acknowledged, {} came, none twice or early", acked.len(), seen.len());
    assert!(acked.len() as u64 > kills, "there was load");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_back_comes_again_or_is_buried_through_kills() {
    let kills = kills(20);
    let mut lives = Lives::new(Retries::default());
    for n in 0..kills {
        lives.kill(Moment::Done(20 + n * 397 % 2000)).await;
    }
    lives.judge().await;
    let (again, dead) = lives.load.acked();
    println!(
        "{kills} kills, {again} send-backs acknowledged that came again, {dead} that were buried, {} not answered",
        lives.load.unanswered()
    );
    assert!(dead as u64 > kills, "messages died");
}
