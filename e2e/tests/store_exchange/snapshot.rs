//! Everything about a store that clients can see.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use gantry_e2e::broker_client::BrokerClient;
use gantry_e2e::record::Record;
use serde_json::Value;

use crate::content::{COMMITTED, DUE_LATER_IN, GROUP, KEYS, TOPICS};

#[derive(Debug, PartialEq)]
pub(crate) struct Snapshot {
    /// By topic and queue.
    queues: BTreeMap<(String, i32), Queue>,
    committed: Vec<Option<i64>>,
    /// The settings of the topics that clients act on.
    topics: BTreeMap<String, Vec<(String, Value)>>,
    group: Vec<(String, Value)>,
    /// Where the messages with a key lie, if keys can be relied on.
    keys: Option<BTreeMap<String, Vec<i64>>>,
}

/// Whether messages must be found by their keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Keys {
    Found,
    /// Apache's broker, started on a store that was not closed, deletes index files that are younger than its checkpoint,
    /// and writes new ones from the file of the log it recovers from: keys of messages before that are gone.
    PerhapsLost,
}

#[derive(Debug, PartialEq)]
struct Queue {
    min_offset: i64,
    max_offset: i64,
    records: Vec<Record>,
}

const TOPIC_SETTINGS: [&str; 4] = ["readQueueNums", "writeQueueNums", "perm", "order"];
const GROUP_SETTINGS: [&str; 4] =
    ["consumeEnable", "consumeBroadcastEnable", "retryQueueNums", "retryMaxTimes"];

impl Snapshot {
    pub(crate) fn take(client: &mut BrokerClient, keys: Keys) -> Result<Self> {
        let mut queues = BTreeMap::new();
        for (topic, count) in TOPICS {
            for id in 0..count {
                let records = client.read(topic, id, 0)?;
                let queue = Queue {
                    min_offset: client.min_offset(topic, id)?,
                    max_offset: client.max_offset(topic, id)?,
                    records,
                };
                ensure!(
                    queue.is_whole(),
                    "{topic}/{id} has {} records from {} to {}",
                    queue.records.len(),
                    queue.min_offset,
                    queue.max_offset
                );
                queues.insert((topic.to_owned(), id), queue);
            }
        }
        let committed = (0..)
            .take(COMMITTED.len())
            .map(|id| client.committed(GROUP, "Orders", id))
            .collect::<Result<_>>()?;
        let topic_configs = client.topic_configs()?;
        let topics = TOPICS
            .map(|(topic, _)| (topic.to_owned(), settings(&topic_configs[topic], &TOPIC_SETTINGS)))
            .into();
        let group = settings(&client.group_configs()?[GROUP], &GROUP_SETTINGS);
        let keys = match keys {
            Keys::Found => Some(found_by_key(client)?),
            Keys::PerhapsLost => None,
        };
        Ok(Self { queues, committed, topics, group, keys })
    }

    /// Nothing has changed but what came due. Compared part by part: the whole is too much to print.
    pub(crate) fn is_as(&self, before: &Self) -> Result<()> {
        self.begins_with(before)?;
        for (place, queue) in
            self.queues.iter().filter(|((topic, _), _)| !DUE_LATER_IN.contains(&topic.as_str()))
        {
            let before = &before.queues[place];
            ensure!(
                queue.max_offset == before.max_offset,
                "{place:?} ends at {}, it ended at {}",
                queue.max_offset,
                before.max_offset
            );
        }
        Ok(())
    }

    /// All of it is there, and perhaps more messages.
    pub(crate) fn begins_with(&self, before: &Self) -> Result<()> {
        for (place, old) in &before.queues {
            let queue = &self.queues[place];
            ensure!(
                queue.min_offset == old.min_offset,
                "{place:?} begins at {}, it began at {}",
                queue.min_offset,
                old.min_offset
            );
            ensure!(
                queue.records.len() >= old.records.len(),
                "{place:?} has {} messages, it had {}",
                queue.records.len(),
                old.records.len()
            );
            for (record, old) in queue.records.iter().zip(&old.records) {
                ensure!(record == old, "{place:?} at {}:\n{record:?}\nit was\n{old:?}", old.queue_offset);
            }
        }
        ensure!(
            self.committed == before.committed,
            "committed {:?}, it was {:?}",
            self.committed,
            before.committed
        );
        ensure!(self.topics == before.topics, "topics {:?}, they were {:?}", self.topics, before.topics);
        ensure!(self.group == before.group, "group {:?}, it was {:?}", self.group, before.group);
        if let (Some(keys), Some(before)) = (&self.keys, &before.keys) {
            ensure!(keys == before, "found by key at {keys:?}, it was at {before:?}");
        }
        Ok(())
    }
}

impl Queue {
    /// The offsets have no hole.
    fn is_whole(&self) -> bool {
        let offsets = self.records.iter().map(|record| record.queue_offset);
        offsets.eq(self.min_offset..self.max_offset)
    }
}

fn found_by_key(client: &mut BrokerClient) -> Result<BTreeMap<String, Vec<i64>>> {
    let mut keys = BTreeMap::new();
    for (key, count) in KEYS {
        let topic = if key.starts_with("payment") { "Payments" } else { "Orders" };
        let mut places: Vec<i64> =
            client.query(topic, key, false)?.iter().map(|record| record.physical_offset).collect();
        places.sort_unstable();
        ensure!(places.len() == count, "{} messages with key {key}, not {count}", places.len());
        for place in &places {
            let viewed = client.view(*place)?;
            ensure!(
                viewed.len() == 1
                    && viewed[0]
                        .properties
                        .get("KEYS")
                        .is_some_and(|keys| keys.split(' ').any(|one| one == key)),
                "at {place} lies {viewed:?}"
            );
        }
        keys.insert(key.into(), places);
    }
    Ok(keys)
}

fn settings(of: &Value, names: &[&str]) -> Vec<(String, Value)> {
    names.iter().map(|name| ((*name).to_owned(), of[*name].clone())).collect()
}
