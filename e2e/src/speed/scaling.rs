//! What scaling costs: the same load on topics of one broker that are not scaled, that are announced and that are draining, in
//! turns of seconds, so that whatever else the machine does hits all of them.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Load, process_cost, producer};
use crate::broker_client::{BrokerClient, Draft};
use crate::cluster::{Cluster, Setup};
use crate::order::Scales;
use crate::process::signal;
use crate::remoting::{Connection, Request, code};
use crate::target::Target;

/// After a producer was woken, before it counts.
const AWAKE: Duration = Duration::from_millis(700);
const FROM: i32 = 4;
const TO: i32 = 8;
const GROUP: &str = "laggard";
/// Longer than anything here takes.
const HOLD: Duration = Duration::from_secs(600);

/// Where a topic stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// Never scaled.
    Plain,
    /// Half of the messages are sent to queues that take none yet.
    Announced,
    /// A group waits in front of each new queue's gate.
    Draining,
}

impl Stage {
    pub const ALL: [Self; 3] = [Self::Plain, Self::Announced, Self::Draining];

    fn topic(self) -> &'static str {
        match self {
            Self::Plain => "CostPlain",
            Self::Announced => "CostAnnounced",
            Self::Draining => "CostDraining",
        }
    }
}

/// What a topic's share of the time came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Share {
    pub sends: i64,
    pub seconds: f64,
    /// Of the broker alone.
    pub cpu: Duration,
}

impl Share {
    #[must_use]
    pub fn cpu_seconds_per_million(&self) -> f64 {
        self.cpu.as_secs_f64() / self.sends as f64 * 1e6
    }
}

/// A broker with the three topics.
#[derive(Debug)]
pub struct Costs {
    cluster: Cluster,
    client: BrokerClient,
    /// In front of the gates.
    _waiting: Connection,
}

impl Costs {
    pub fn prepare() -> Result<Self> {
        let cluster =
            Cluster::start(Target::Gantry, Setup::default().set("mappedFileSizeCommitLog", 1_u32 << 30))?;
        let mut client = BrokerClient::open(cluster.broker_port())?;
        let (from, to) = (FROM.unsigned_abs(), TO.unsigned_abs());
        client.create_topic(Stage::Plain.topic(), to, to)?;
        for stage in [Stage::Announced, Stage::Draining] {
            client.create_topic(stage.topic(), from, from)?;
        }
        let scales = |stage: Stage| Scales::new(cluster.broker_port(), stage.topic());
        scales(Stage::Announced).begin("cost", FROM, TO, HOLD, HOLD, true)?;
        let topic = Stage::Draining.topic();
        client.join(GROUP, topic)?;
        for queue in 0..FROM {
            client.send(&Draft { topic, queue, body: b"before", properties: &[] })?;
            client.commit(GROUP, topic, queue, 0)?;
        }
        scales(Stage::Draining).begin("cost", FROM, TO, Duration::ZERO, Duration::ZERO, true)?;
        scales(Stage::Draining).until_flipped("cost", HOLD)?;
        let mut waiting = Connection::open(cluster.broker_port())?;
        for queue in FROM..TO {
            waiting.send(&held_pull(topic, queue, 0))?;
        }
        Ok(Self { cluster, client, _waiting: waiting })
    }

    /// Sends to each topic in turn, `rounds` times.
    pub fn sends(&mut self, load: &Load, rounds: u32) -> Result<[Share; 3]> {
        let mut producers = Vec::new();
        for stage in Stage::ALL {
            producers.push(producer::start(&self.cluster, stage.topic(), load)?);
        }
        thread::sleep(load.warm_up);
        producers.iter().for_each(|producer| signal(producer.pid(), libc::SIGSTOP));
        let mut shares = [Share::default(); 3];
        for _ in 0..rounds {
            for ((stage, producer), share) in Stage::ALL.iter().zip(&producers).zip(&mut shares) {
                signal(producer.pid(), libc::SIGCONT);
                let measured = self.measure(*stage, load.measured, share);
                signal(producer.pid(), libc::SIGSTOP);
                measured?;
            }
        }
        for producer in producers {
            ensure!(producer.is_alive(), "a producer ended:\n{}", producer.output_tail());
            producer.kill();
        }
        Ok(shares)
    }

    fn measure(&mut self, stage: Stage, time: Duration, share: &mut Share) -> Result<()> {
        thread::sleep(AWAKE);
        let before = (self.stored(stage)?, process_cost::cpu_time(self.pid()?)?);
        thread::sleep(time);
        let after = (self.stored(stage)?, process_cost::cpu_time(self.pid()?)?);
        ensure!(after.0 > before.0, "nothing was sent to {stage:?}:\n{}", self.cluster.log_tail());
        share.sends += after.0 - before.0;
        share.cpu += after.1 - before.1;
        share.seconds += time.as_secs_f64();
        Ok(())
    }

    /// CPU time of the broker in `time` with nothing to do but to hold so many polls of a stage's topic.
    pub fn idle(&mut self, stage: Stage, polls: i32, time: Duration) -> Result<Duration> {
        let mut connection = Connection::open(self.cluster.broker_port())?;
        for poll in 0..polls {
            let queue = FROM + poll % (TO - FROM);
            let offset =
                if stage == Stage::Plain { self.client.max_offset(stage.topic(), queue)? } else { 0 };
            connection.send(&held_pull(stage.topic(), queue, offset))?;
        }
        thread::sleep(AWAKE);
        let before = process_cost::cpu_time(self.pid()?)?;
        thread::sleep(time);
        let after = process_cost::cpu_time(self.pid()?)?;
        ensure!(connection.is_silent()?, "polls of {stage:?} were answered, not held");
        Ok(after - before)
    }

    fn stored(&mut self, stage: Stage) -> Result<i64> {
        (0..TO).map(|queue| self.client.max_offset(stage.topic(), queue)).sum()
    }

    fn pid(&self) -> Result<u32> {
        self.cluster.broker_pid().context("the broker is running")
    }
}

fn held_pull(topic: &str, queue: i32, offset: i64) -> Request {
    Request::new(code::PULL_MESSAGE)
        .field("consumerGroup", GROUP)
        .field("topic", topic)
        .field("queueId", queue)
        .field("queueOffset", offset)
        .field("maxMsgNums", 32)
        // Suspend, and a subscription of its own.
        .field("sysFlag", 2 | 4)
        .field("commitOffset", 0)
        .field("suspendTimeoutMillis", HOLD.as_millis())
        .field("subscription", "*")
        .field("subVersion", 0)
}
