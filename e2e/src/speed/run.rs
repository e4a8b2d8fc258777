//! One measurement: a fresh store, a warm producer, and what happens between two moments.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{process_cost, producer};
use crate::broker_client::BrokerClient;
use crate::cluster::{Cluster, Setup};
use crate::target::Target;

const TOPIC: &str = "Speed";
const QUEUES: i32 = 8;

#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub threads: u32,
    pub bytes: u32,
    pub warm_up: Duration,
    pub measured: Duration,
}

#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub sends_per_second: f64,
    /// Of the broker alone.
    pub cpu_seconds_per_million: f64,
    pub anonymous_bytes: u64,
}

pub fn run(target: Target, load: &Load) -> Result<Run> {
    // The file size Apache's broker has by default.
    let cluster =
        Cluster::start(target, Setup::default().set("mappedFileSizeCommitLog", 1_u32 << 30).full_speed())?;
    let mut client = BrokerClient::open(cluster.broker_port())?;
    client.create_topic(TOPIC, QUEUES.unsigned_abs(), QUEUES.unsigned_abs())?;
    let producer = producer::start(
        cluster.folder(),
        &cluster.name_server_address(),
        TOPIC,
        load.threads,
        load.bytes,
        &cluster.folder().join("producer.out"),
    )?;
    thread::sleep(load.warm_up);
    let before = Moment::now(&cluster, &mut client)?;
    thread::sleep(load.measured);
    let after = Moment::now(&cluster, &mut client)?;
    ensure!(producer.is_alive(), "the producer ended:\n{}", producer.output_tail());
    let anonymous_bytes = process_cost::anonymous_memory(pid(&cluster)?)?;
    producer.kill();

    let sends = (after.stored - before.stored) as f64;
    ensure!(sends > 0.0, "nothing was sent:\n{}", cluster.log_tail());
    Ok(Run {
        sends_per_second: sends / (after.at - before.at).as_secs_f64(),
        cpu_seconds_per_million: (after.cpu - before.cpu).as_secs_f64() / sends * 1e6,
        anonymous_bytes,
    })
}

struct Moment {
    at: Instant,
    stored: i64,
    cpu: Duration,
}

impl Moment {
    fn now(cluster: &Cluster, client: &mut BrokerClient) -> Result<Self> {
        let mut stored = 0;
        for queue in 0..QUEUES {
            stored += client.max_offset(TOPIC, queue)?;
        }
        Ok(Self { at: Instant::now(), stored, cpu: process_cost::cpu_time(pid(cluster)?)? })
    }
}

fn pid(cluster: &Cluster) -> Result<u32> {
    cluster.broker_pid().context("the broker is running")
}
