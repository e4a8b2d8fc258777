//! The broker dies at each step of what waits in it, with nothing tidied up and at the same store again and again, under load: the
//! judges are those of the random kills. A step that is not come to fails the test.
//!
//! Steps are those of `gantry_store::faults`: `cargo test -p gantry-broker --features faults --test steps`. It dies the first time that
//! it comes to a step; the second time it stops there and dies later. With `GANTRY_STEP_PASSES=N`: each of the first N times, and then
//! later. `GANTRY_STEP=TEXT` picks the steps that contain it.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

mod support;

use support::delays::Delays;
use support::lives::{Lives, Load};
use support::pop::Pops;
use support::retries::Retries;
use support::timers::Timers;
use support::transactions::Transactions;

/// A life comes there once, or takes long to come there again.
const ONCE: &[&str] = &[
    "start: store recovered",
    "start: state found",
    "log: rolled",
    "checkpoint: queues synced",
    "checkpoint: half written",
    "checkpoint: written",
];
/// Of each message that is stored alone, and of the queues that follow.
const ALONE: &[&str] = &["append: copied", "append: sealed", "append: queued", "queues: written"];
/// Of a message and the mark that it was delivered.
const BOTH: &[&str] = &[
    "append of both: copied",
    "append of both: one sealed",
    "append of both: sealed",
    "append of both: queued",
];
/// Of where ledgers stand.
const POSITIONS: &[&str] = &[
    "ledgers: positions told",
    "ledgers: log safe",
    "consumerOffset.json: written",
    "consumerOffset.json: backup removed",
    "consumerOffset.json: backup made",
    "consumerOffset.json: renamed",
];

/// Where it dies of a step, in the form of `gantry_store::faults`.
fn deaths(step: &str) -> Vec<String> {
    if ONCE.contains(&step) {
        return vec![format!("{step}#1")];
    }
    let passes = std::env::var("GANTRY_STEP_PASSES").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let at_once = (1..=passes).map(|pass| format!("{step}#{pass}"));
    at_once.chain([format!("{step}#{}+", passes + 1)]).collect()
}

async fn dies_at_each<L: Load>(load: L, groups: &[&[&str]]) -> L {
    let mut lives = Lives::new(load);
    let mut count = 0;
    let picked = std::env::var("GANTRY_STEP").unwrap_or_default();
    let steps = groups.iter().copied().flatten().filter(|step| step.contains(&picked));
    for step in steps.clone() {
        for step in deaths(step) {
            lives.die_at(&step).await;
            count += 1;
        }
    }
    lives.judge().await;
    println!("died {count} times at {} steps", steps.count());
    lives.load
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delay_levels() {
    let steps = &[
        "delay: waits",
        "delay: due",
        "delay: delivered",
        "delay: moved on",
        "delayOffset.json: written",
        "delayOffset.json: backup removed",
        "delayOffset.json: backup made",
        "delayOffset.json: renamed",
    ];
    let load = dies_at_each(Delays::default(), &[steps, ALONE, BOTH, ONCE]).await;
    println!("{} delayed messages acknowledged, {} came", load.acked.len(), load.seen.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries() {
    let steps = &[
        "send back: message read",
        "send back: stored",
        "send back: dead, topic made",
        "send back: dead, stored",
        "delay: waits",
        "delay: due",
        "delay: delivered",
        "delay: moved on",
    ];
    let load = dies_at_each(Retries::default(), &[steps, ALONE, BOTH]).await;
    let (again, dead) = load.acked();
    println!("{again} send-backs came again, {dead} were buried, {} were not answered", load.unanswered());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timers() {
    let steps = &[
        "timer: waits",
        "timer: claimed",
        "timer: delivered",
        "timer: about to be taken back",
        "timer: taken back",
    ];
    let load = dies_at_each(Timers::default(), &[steps, ALONE, BOTH, POSITIONS, ONCE]).await;
    println!("{} timed messages acknowledged, {} taken back", load.due.len(), load.recalled.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions() {
    let steps = &[
        "transaction: half stored",
        "transaction: decided",
        "transaction: committed",
        "transaction: rolled back",
        "transaction: asked",
        "transaction: asking on record",
        "transaction: given up",
    ];
    let load = dies_at_each(Transactions::default(), &[steps, ALONE, BOTH, POSITIONS, ONCE]).await;
    println!(
        "{} halves, {} committed, {} given up",
        load.sent.len(),
        load.committed.len(),
        load.given_up.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pop() {
    let steps = &[
        "pop: flight written",
        "pop: acknowledged",
        "pop: over, not marked",
        "pop: marked over",
        "pop: rest written",
        "pop: hidden",
        "pop: time is over",
        "pop: brought back",
    ];
    let load = dies_at_each(Pops::default(), &[steps, ALONE, BOTH, POSITIONS, ONCE]).await;
    let seen = load.seen.lock().await;
    println!("{} sent, {} given again, {} hidden for longer", load.sent.len(), seen.again, seen.hidden);
}
