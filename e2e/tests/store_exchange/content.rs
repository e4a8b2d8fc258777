//! What is put into a store: topics and queues, keys and tags, offsets, and messages that are due only later.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gantry_e2e::await_condition::{await_condition, await_some};
use gantry_e2e::broker_client::{BrokerClient, Draft};
use gantry_e2e::record::Record;

pub(crate) const TOPICS: [(&str, i32); 5] =
    [("Orders", 4), ("Payments", 2), ("Later", 1), ("Empty", 1), ("%RETRY%readers", 1)];
/// Where messages arrive without anyone sending them.
pub(crate) const DUE_LATER_IN: [&str; 2] = ["Later", "%RETRY%readers"];
pub(crate) const GROUP: &str = "readers";
pub(crate) const COMMITTED: [i64; 4] = [5, 0, 17, 40];
/// Keys to be found again, and how many messages have each.
pub(crate) const KEYS: [(&str, usize); 3] = [("order-7", 1), ("customer-2", 20), ("payment-3", 1)];

const ORDERS: usize = 200;
const PAYMENTS: usize = 30;
const LARGE: usize = 100_000;
/// 30 s: later than a broker takes to stop and another to start, however slow the machine.
const DUE_LATER: &str = "4";
const DUE_SOON: &str = "1";

/// Messages the broker had accepted and not yet delivered when it went.
pub(crate) struct Debt {
    handed_back: Record,
}

pub(crate) fn fill(client: &mut BrokerClient) -> Result<Debt> {
    for (topic, queues) in TOPICS {
        if !topic.starts_with('%') {
            client.create_topic(topic, queues.unsigned_abs(), queues.unsigned_abs() + 1)?;
        }
    }
    client.join(GROUP, "Orders")?;
    for index in 0..ORDERS {
        let keys = format!("order-{index} customer-{}", index % 10);
        let unique = format!("UNIQUE-ORDER-{index}");
        let properties =
            [("UNIQ_KEY", unique.as_str()), ("KEYS", &keys), ("TAGS", "größer"), ("colour", "青")];
        let body = format!("order {index} ☃").repeat(1 + index % 50);
        send(client, "Orders", index % 4, body.as_bytes(), &properties)?;
    }
    for index in 0..PAYMENTS {
        let keys = format!("payment-{index}");
        send(client, "Payments", index % 2, &noise(LARGE, index), &[("KEYS", &keys)])?;
    }
    // One delayed message that is delivered, and one that will be due when another broker is at work.
    send(client, "Later", 0, b"soon", &[("KEYS", "soon"), ("DELAY", DUE_SOON)])?;
    await_condition("the delayed message is delivered", LIMIT, || Ok(client.max_offset("Later", 0)? == 1))?;
    for (queue, offset) in COMMITTED.iter().enumerate() {
        client.commit(GROUP, "Orders", i32::try_from(queue)?, *offset)?;
    }
    client.await_indexed("Payments", "payment-29")?;
    let handed_back = client.read("Orders", 0, 0)?.into_iter().nth(3).context("there are orders")?;
    client.send_back(GROUP, &handed_back, DUE_LATER.parse()?)?;
    send(client, "Later", 0, b"later", &[("KEYS", "later"), ("DELAY", DUE_LATER)])?;
    Ok(Debt { handed_back })
}

const LIMIT: Duration = Duration::from_secs(120);

impl Debt {
    /// Each is delivered once, as it would have been by the first broker.
    pub(crate) fn is_paid(&self, client: &mut BrokerClient) -> Result<()> {
        let later = await_some("the other delayed message is delivered", LIMIT, || {
            let delivered = client.read("Later", 0, 1)?;
            Ok((!delivered.is_empty()).then_some(delivered))
        })?;
        ensure!(later.len() == 1 && later[0].body == b"later", "delivered late: {later:?}");

        let retries = await_some("the message handed back is delivered", LIMIT, || {
            let delivered = client.read("%RETRY%readers", 0, 0)?;
            Ok((!delivered.is_empty()).then_some(delivered))
        })?;
        ensure!(retries.len() == 1, "handed back once, delivered {} times", retries.len());
        ensure!(retries[0].body == self.handed_back.body, "another body than was handed back");
        ensure!(retries[0].reconsume_times == 1, "tries counted: {}", retries[0].reconsume_times);
        ensure!(
            retries[0].properties.get("RETRY_TOPIC").is_some_and(|topic| topic == "Orders"),
            "{:?}",
            retries[0].properties
        );
        Ok(())
    }
}

/// The queues go on where they ended.
pub(crate) fn write_more(client: &mut BrokerClient) -> Result<()> {
    for queue in 0..4_u8 {
        let end = client.max_offset("Orders", i32::from(queue))?;
        for index in 0..10 {
            let keys = format!("more-{queue}-{index}");
            let offset = send(client, "Orders", usize::from(queue), keys.as_bytes(), &[("KEYS", &keys)])?;
            ensure!(
                offset == end + index,
                "message {index} after {end} in queue {queue} was put at {offset}"
            );
        }
    }
    client.await_indexed("Orders", "more-3-9")
}

/// Brokers save the offsets of groups, and how far they delivered delayed messages, every few seconds; a kill before that
/// may lose them.
pub(crate) fn await_saved_progress(store: &Path) -> Result<()> {
    let file = store.join("config/consumerOffset.json");
    let expected: BTreeMap<String, String> =
        (0_u32..).zip(COMMITTED).map(|(queue, offset)| (queue.to_string(), offset.to_string())).collect();
    await_condition("the committed offsets are in the file", LIMIT, || {
        Ok(saved_map(&file, &format!("Orders@{GROUP}:{{")) == expected)
    })?;
    let delays = store.join("config/delayOffset.json");
    await_condition("the delivery of the delayed message is in the file", LIMIT, || {
        Ok(saved_map(&delays, "offsetTable:{").get(DUE_SOON).is_some_and(|offset| offset == "1"))
    })
}

/// A map in a file of Apache's broker, which writes numbers that are keys without the quotes of JSON.
fn saved_map(file: &Path, after: &str) -> BTreeMap<String, String> {
    let text = fs::read_to_string(file).unwrap_or_default().replace(['"', ' ', '\n', '\t'], "");
    let map = text.split(after).nth(1).and_then(|rest| rest.split('}').next()).unwrap_or_default();
    map.split(',')
        .filter_map(|pair| pair.split_once(':'))
        .map(|(key, value)| (key.into(), value.into()))
        .collect()
}

fn send(
    client: &mut BrokerClient,
    topic: &str,
    queue: usize,
    body: &[u8],
    properties: &[(&str, &str)],
) -> Result<i64> {
    let draft = Draft { topic, queue: i32::try_from(queue)?, body, properties };
    client.send(&draft).map(|placed| placed.queue_offset)
}

/// Bytes without a pattern, the same for a seed each time.
fn noise(length: usize, seed: usize) -> Vec<u8> {
    let mut state = seed as u64 + 1;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        })
        .collect()
}
