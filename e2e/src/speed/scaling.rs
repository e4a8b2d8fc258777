//! What scaling costs: the same load on topics of one broker that are not scaled, that are announced and that are draining, in
//! turns of seconds, so that whatever else the machine does hits all of them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use super::process_cost;
use crate::broker_client::{BrokerClient, Draft};
use crate::cluster::{Cluster, Setup};
use crate::order::Scales;
use crate::remoting::{Connection, Request, code};
use crate::target::Target;

/// Until polls are all held.
const AWAKE: Duration = Duration::from_millis(700);
const FROM: i32 = 4;
const TO: i32 = 8;
const GROUP: &str = "laggard";
/// Longer than anything here takes.
const HOLD: Duration = Duration::from_secs(600);

/// Who sends what, for how long.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub threads: u32,
    pub bytes: u32,
    pub warm_up: Duration,
    pub measured: Duration,
}

/// Where a topic stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// Never scaled.
    Plain,
    /// The same again: how far apart two are that do not differ.
    Control,
    /// Half of the messages are sent to queues that take none yet.
    Announced,
    /// A group waits in front of each new queue's gate.
    Draining,
}

impl Stage {
    pub const ALL: [Self; 4] = [Self::Plain, Self::Control, Self::Announced, Self::Draining];

    fn topic(self) -> &'static str {
        match self {
            Self::Plain => "CostPlain",
            Self::Control => "CostControl",
            Self::Announced => "CostAnnounced",
            Self::Draining => "CostDraining",
        }
    }
}

/// What a topic's turn came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Share {
    pub sends: u64,
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

/// A broker with a topic of each stage.
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
        for stage in [Stage::Plain, Stage::Control] {
            client.create_topic(stage.topic(), to, to)?;
        }
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

    /// Sends to each topic in turn, `rounds` times; what each round came to, in the order of [`Stage::ALL`].
    pub fn sends(&mut self, load: &Load, rounds: u32) -> Result<Vec<[Share; 4]>> {
        let mut all = Vec::new();
        for round in 0..rounds as usize {
            let mut shares = [Share::default(); 4];
            for turn in 0..Stage::ALL.len() {
                // Nobody is always the first.
                let at = (turn + round) % Stage::ALL.len();
                shares[at] = self.turn(Stage::ALL[at], load)?;
            }
            all.push(shares);
        }
        Ok(all)
    }

    fn turn(&self, stage: Stage, load: &Load) -> Result<Share> {
        let (port, bytes) = (self.cluster.broker_port(), load.bytes as usize);
        let (sent, stop) = (AtomicU64::new(0), AtomicBool::new(false));
        let pid = self.pid()?;
        thread::scope(|scope| {
            let send = || -> Result<()> {
                let (mut client, body) = (BrokerClient::open(port)?, vec![b'x'; bytes]);
                for queue in (0..TO).cycle() {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    client.send(&Draft { topic: stage.topic(), queue, body: &body, properties: &[] })?;
                    sent.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            };
            let senders: Vec<_> = (0..load.threads).map(|_| scope.spawn(send)).collect();
            let measure = || -> Result<Share> {
                thread::sleep(load.warm_up);
                let before = (sent.load(Ordering::Relaxed), process_cost::cpu_time(pid)?);
                thread::sleep(load.measured);
                let after = (sent.load(Ordering::Relaxed), process_cost::cpu_time(pid)?);
                Ok(Share {
                    sends: after.0 - before.0,
                    seconds: load.measured.as_secs_f64(),
                    cpu: after.1 - before.1,
                })
            };
            let share = measure();
            stop.store(true, Ordering::Relaxed);
            for sender in senders {
                sender.join().map_err(|_| anyhow!("a sender panicked"))??;
            }
            share
        })
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
