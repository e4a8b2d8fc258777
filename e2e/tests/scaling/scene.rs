//! A cluster, an ordered topic of it, and clients at work.

use std::time::Duration;

use anyhow::{Result, ensure};
use gantry_e2e::await_condition::await_condition;
use gantry_e2e::broker_client::BrokerClient;
use gantry_e2e::case::Client;
use gantry_e2e::order::{Options, Scales, Traffic};
use gantry_e2e::{Cluster, Setup, Target};

pub(crate) const TOPIC: &str = "orders";
/// For whatever must happen, on a machine that is busy.
pub(crate) const PATIENCE: Duration = seconds(180);
/// Clients that look every two seconds have learned of everything then.
pub(crate) const SETTLE: Duration = seconds(6);

/// What a slow group takes for a message.
const SLOW: Duration = Duration::from_millis(12);
/// How long it stands still around a flip.
const BACKLOG: Duration = seconds(10);

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) struct Scene {
    pub(crate) traffic: Traffic,
    pub(crate) scales: Scales,
    pub(crate) cluster: Cluster,
    pub(crate) client: Client,
}

impl Scene {
    /// Nobody sends yet.
    pub(crate) fn new(client: Client, queues: u32, setup: Setup, options: &Options) -> Result<Self> {
        Self::on(Target::Gantry, client, queues, setup, options)
    }

    pub(crate) fn on(
        target: Target,
        client: Client,
        queues: u32,
        setup: Setup,
        options: &Options,
    ) -> Result<Self> {
        let cluster = Cluster::start(target, setup)?;
        BrokerClient::open(cluster.broker_port())?.create_topic(TOPIC, queues, queues)?;
        let scales = Scales::new(cluster.broker_port(), TOPIC);
        let folder = cluster.folder().join("clients");
        let traffic = Traffic::start(client, &cluster.name_server_address(), TOPIC, &folder, options)?;
        Ok(Self { traffic, scales, cluster, client })
    }

    /// Quick clients: producers, and a group that consumes at once.
    pub(crate) fn busy(client: Client, queues: u32, setup: Setup) -> Result<Self> {
        let mut scene = Self::new(client, queues, setup, &Options::QUICK)?;
        scene.join("fast")?;
        scene.traffic.order("send")?;
        let queues = i32::try_from(queues)?;
        scene.traffic.until_read("fast", 0..queues, PATIENCE)?;
        Ok(scene)
    }

    /// Two members that take no time.
    pub(crate) fn join(&mut self, group: &str) -> Result<()> {
        self.traffic.consume(group, 2, Duration::ZERO)?;
        self.until_at_work(group)
    }

    /// A member that is just fast enough while there are four queues.
    pub(crate) fn join_slowly(&mut self, group: &str) -> Result<()> {
        self.traffic.consume(group, 1, SLOW)?;
        self.until_at_work(group)
    }

    /// Waits until the group has a place in every queue that it can read: one that starts at the end passes over whatever
    /// comes before it has asked where that is.
    fn until_at_work(&self, group: &str) -> Result<()> {
        let mut broker = BrokerClient::open(self.cluster.broker_port())?;
        await_condition(&format!("{group} has places"), PATIENCE, || {
            let queues = broker.read_queues(TOPIC)?;
            let mut places = (0..queues).map(|queue| broker.committed(group, TOPIC, queue));
            places.try_fold(true, |all, place| Ok(all && place?.is_some()))
        })
    }

    /// Begins a scale with a group that stands still around the flip: what came before then lies in front of it, and what comes
    /// after would be the faster way.
    pub(crate) fn scale_with_backlog(
        &mut self,
        id: &str,
        (from, to): (i32, i32),
        settle: Duration,
        group: &str,
    ) -> Result<()> {
        self.scales.begin(id, from, to, settle, settle * 8, true)?;
        let is_close = |millis: i64| millis <= 5000;
        self.scales.until("the flip is close", PATIENCE + settle, |stand| match &stand.announced {
            Some(announced) => announced.settles_in_millis.is_some_and(is_close),
            None => true,
        })?;
        self.traffic.pause(group, BACKLOG)?;
        self.scales.until_flipped(id, PATIENCE + settle).map(drop)
    }

    /// Grows or shrinks the topic, and waits for the flip.
    pub(crate) fn scale(&self, id: &str, from: i32, to: i32) -> Result<()> {
        self.scales.begin(id, from, to, SETTLE, seconds(60), true)?;
        self.scales.until_flipped(id, PATIENCE).map(drop)
    }

    /// Ends the sending, and judges what the groups were given.
    pub(crate) fn judge(&mut self, groups: &[&str]) -> Result<()> {
        self.traffic.order("stop-sending")?;
        for group in groups {
            self.traffic.until_all(group, PATIENCE)?;
            let verdict = self.traffic.verdict(group);
            eprintln!("{} {group}: {verdict}", self.client.name());
            ensure!(verdict.is_good(), "{group}: {verdict}");
        }
        Ok(())
    }

    /// Nobody saw an error.
    pub(crate) fn is_quiet(&self) -> Result<()> {
        let failures = self.traffic.failures();
        ensure!(failures.is_empty(), "producers saw errors: {failures:?}");
        let refused = self.traffic.refused_pulls()?;
        ensure!(refused.is_empty(), "consumers logged {}: {:?}", refused.len(), refused.first());
        Ok(())
    }
}
