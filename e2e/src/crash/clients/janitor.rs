//! Makes topics and deletes them: each deletion is on record in the log, and has a checkpoint written.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::World;
use crate::broker_client::{BrokerClient, Draft};

const PAUSE: Duration = Duration::from_millis(50);

/// Until the broker is gone. What is in these topics is nobody's business.
pub(super) fn run(world: &World, life: u32) {
    let _ = work(world, life);
}

fn work(world: &World, life: u32) -> Result<()> {
    let mut broker = BrokerClient::open(world.port)?;
    for n in 0.. {
        if world.is_over() {
            break;
        }
        // Every other is one that was there before.
        let topic = format!("gone-{life}-{}", n / 2);
        broker.try_send(&Draft { topic: &topic, queue: 0, body: b"short-lived", properties: &[] })?;
        // On a full disk, or a broken one, it stays.
        let _ = broker.delete_topic(&topic);
        thread::sleep(PAUSE);
    }
    Ok(())
}
