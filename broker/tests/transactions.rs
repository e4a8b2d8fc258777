//! `kill -9` with transactions under way: what was committed is there once, what was rolled back never, nothing stays open.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

mod support;

use support::lives::{Lives, Moment, kills};
use support::transactions::Transactions;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_end_once_through_kills() {
    let kills = kills(30);
    let mut lives = Lives::new(Transactions::default());
    for n in 0..kills {
        lives.kill(Moment::Done(20 + n * 397 % 3000)).await;
    }
    lives.judge().await;
    let Transactions { sent, committed, given_up } = lives.load;
    println!(
        "{kills} kills, {} halves acknowledged, {} committed, {} given up, none twice",
        sent.len(),
        committed.len(),
        given_up.len()
    );
}
