//! Two members of a group that consumes in order: each locks queues, is given what comes, commits, and lets go now and then.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::{ORDERS, QUEUES, World};
use crate::broker_client::BrokerClient;
use crate::crash::message;
use crate::history::{Place, Reader, What};

const GROUP: &str = "keepers";

/// Until the broker is gone.
pub(super) fn run(world: &World, client: &str, life: u32) {
    let Ok(broker) = BrokerClient::open(world.port) else { return };
    let seed = u64::from(life) << 8 | u64::from(client.as_bytes().first().copied().unwrap_or(0));
    let mut member =
        Member { world, client, broker, at: BTreeMap::new(), random: fastrand::Rng::with_seed(seed) };
    while !world.is_over() && member.turn().is_ok() {
        thread::sleep(Duration::from_millis(2));
    }
}

struct Member<'a> {
    world: &'a World,
    client: &'a str,
    broker: BrokerClient,
    /// The next offset of each queue that it holds.
    at: BTreeMap<i32, i64>,
    random: fastrand::Rng,
}

impl Member<'_> {
    fn place(queue: i32) -> Place {
        Place { topic: ORDERS.into(), queue }
    }

    fn turn(&mut self) -> Result<()> {
        let queue = self.random.i32(0..QUEUES);
        self.lock(queue)?;
        for (queue, at) in self.at.clone() {
            self.consume(queue, at)?;
        }
        if self.random.u32(..4) == 0
            && let Some(queue) = self.at.keys().next().copied()
        {
            self.unlock(queue)?;
        }
        Ok(())
    }

    fn lock(&mut self, queue: i32) -> Result<()> {
        if self.at.contains_key(&queue) {
            return Ok(());
        }
        let locked = self.broker.lock(GROUP, self.client, &self.queues(queue))?;
        if locked["lockOKMQSet"].as_array().is_none_or(Vec::is_empty) {
            return Ok(());
        }
        let place = Self::place(queue);
        self.world.recorder.record(What::Locked {
            group: GROUP.into(),
            client: self.client.into(),
            place: place.clone(),
        });
        let offset = self.broker.committed(GROUP, ORDERS, queue)?;
        let max = self.broker.max_offset(ORDERS, queue)?;
        self.world.recorder.record(What::Offset { group: GROUP.into(), place, offset, max });
        self.at.insert(queue, offset.unwrap_or(0));
        Ok(())
    }

    fn unlock(&mut self, queue: i32) -> Result<()> {
        self.at.remove(&queue);
        // On record before it is done: whoever is given the queue next must not be taken for a second holder.
        self.world.recorder.record(What::Unlocked {
            group: GROUP.into(),
            client: self.client.into(),
            place: Self::place(queue),
        });
        self.broker.unlock(GROUP, self.client, &self.queues(queue))
    }

    fn queues(&self, queue: i32) -> Value {
        json!([{"topic": ORDERS, "brokerName": "crash", "queueId": queue}])
    }

    fn consume(&mut self, queue: i32, from: i64) -> Result<()> {
        let (records, offset) = self.broker.pull_records(GROUP, ORDERS, queue, from)?;
        if records.is_empty() {
            return Ok(());
        }
        let place = Self::place(queue);
        self.world.recorder.record(What::Read {
            reader: Reader::Member { group: GROUP.into(), client: self.client.into() },
            place: place.clone(),
            from,
            records: records.iter().map(message::seen).collect(),
        });
        self.broker.commit(GROUP, ORDERS, queue, offset)?;
        self.world.recorder.record(What::Committed { group: GROUP.into(), place, offset });
        self.at.insert(queue, offset);
        Ok(())
    }
}
