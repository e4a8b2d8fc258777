//! Producers that number the messages of each key.

use super::{Args, Run, TIMEOUT};
use crate::producer::{Message, Producer, SendError, SendStatus, Target};
use gantry_scaling::oracle::Sent;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// Keys that one producer has on their way at once.
const AT_ONCE: u16 = 4;
/// Before a send that failed is done again.
const PAUSE: Duration = Duration::from_millis(100);

/// Starts them; they end when the run says so.
pub(super) async fn start(args: &Args, run: &Arc<Run>) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let next: Arc<Vec<Mutex<u64>>> = Arc::new((0..args.keys).map(|_| Mutex::new(0)).collect());
    let turn = Arc::new(AtomicU32::new(0));
    let pause =
        Duration::from_secs_f64(f64::from(args.producers) * f64::from(AT_ONCE) / f64::from(args.rate));
    let mut senders = Vec::new();
    for number in 0..args.producers {
        let producer = Arc::new(Producer::new(args.name_servers.connect(TIMEOUT), TIMEOUT));
        producer.prepare(&args.topic).await.map_err(|last| SendError::Failed { attempts: 1, last })?;
        for _ in 0..AT_ONCE {
            let (producer, run, next, turn) =
                (Arc::clone(&producer), Arc::clone(run), Arc::clone(&next), Arc::clone(&turn));
            let topic = args.topic.clone();
            senders.push(tokio::spawn(async move {
                while !run.stop_sending.load(Ordering::Acquire) {
                    // Keys in turn, and each by whichever producer comes along.
                    let key = turn.fetch_add(1, Ordering::Relaxed) % next.len().max(1) as u32;
                    if let Some(next) = next.get(key as usize) {
                        let mut seq = next.lock().await;
                        let sent = Sent { key: run.key(key), seq: *seq, producer: format!("p{number}") };
                        send(&run, &producer, &topic, &sent).await;
                        *seq += 1;
                    }
                    tokio::time::sleep(pause).await;
                }
            }));
        }
    }
    Ok(senders)
}

/// Sends until it is acknowledged: only then is its place in the order of its key known.
async fn send(run: &Run, producer: &Producer, topic: &str, sent: &Sent) {
    let message = Message {
        topic: topic.to_owned(),
        body: sent.body().into(),
        keys: vec![sent.key.clone()],
        sharding_key: Some(sent.key.clone()),
        ..Message::default()
    };
    run.oracle.lock().begun(sent);
    let target = Target::Key(sent.key.clone());
    loop {
        match producer.send(&message, &target).await {
            Ok(receipt) if receipt.status == SendStatus::Ok => break,
            _ => {
                run.failed.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    run.oracle.lock().acknowledged(sent);
    run.acknowledged.fetch_add(1, Ordering::Relaxed);
}
