//! Producers that look for new queues once an hour.

use std::time::Instant;

use anyhow::{Result, ensure};
use gantry_e2e::Setup;
use gantry_e2e::broker_client::BrokerClient;
use gantry_e2e::case::Client;
use gantry_e2e::order::{DeclaredTopic, Options};

use crate::scene::{PATIENCE, Scene, TOPIC, seconds};

const SCALING: &str = "{settleSeconds: 10, maxSettleSeconds: 30}";

/// One of three is suspected while there is still time to do something about it, and its own messages stay in order.
pub(crate) fn suspected(client: Client) -> Result<()> {
    let options = Options { first_producer_poll: seconds(3600), ..Options::QUICK };
    let mut scene = Scene::new(client, 4, Setup::default().probes(), &options)?;
    scene.join("fast")?;
    let declared =
        DeclaredTopic::adopt(scene.cluster.folder(), scene.cluster.broker_port(), TOPIC, 4, SCALING)?;
    scene.traffic.order("send")?;
    scene.traffic.until_read("fast", 0..4, PATIENCE)?;
    declared.declare(8, SCALING)?;
    declared.until_phase("Announced", PATIENCE)?;
    let announced = Instant::now();
    let message = declared.until("StaleProducerSuspected", PATIENCE)?;
    let took = announced.elapsed();
    eprintln!("{}: suspected after {took:.1?}: {message}", client.name());
    ensure!(took < seconds(30), "it took {took:?}, longer than maxSettleSeconds");
    ensure!(message.matches("127.0.0.1:").count() == 1, "only one is stale: {message}");
    let stale = scene.cluster.metric("gantry_broker_stale_producers")?;
    ensure!((stale - 1.0).abs() < f64::EPSILON, "the metric says {stale}");
    declared.until_phase("Done", PATIENCE)?;
    scene.traffic.until_sent(600)?;
    scene.traffic.order("stop-sending")?;
    scene.traffic.until_all("fast", PATIENCE)?;
    let verdict = scene.traffic.verdict("fast");
    eprintln!("{}: with one stale producer: {verdict}", client.name());
    // Across producers it may be out of order: that is what the condition says.
    ensure!(verdict.inversions_within == 0 && verdict.lost == 0, "{verdict}");
    scene.is_quiet()
}

/// With `order.keyProperty` none of them can do any harm, to whatever number of queues the topic is scaled.
pub(crate) fn corrected(client: Client) -> Result<()> {
    let options = Options::QUICK.producers_poll(seconds(3600));
    let mut scene = Scene::new(client, 4, Setup::default(), &options)?;
    BrokerClient::open(scene.cluster.broker_port())?.put_topic(TOPIC, 4, 4, "+order.keyProperty=KEYS")?;
    scene.join("fast")?;
    scene.join_slowly("slow")?;
    scene.traffic.order("send")?;
    scene.traffic.until_read("slow", 0..4, PATIENCE)?;
    for (from, to) in [(4, 6), (6, 9), (9, 2)] {
        scene.traffic.until_sent(600)?;
        scene.traffic.pause("slow", seconds(10))?;
        scene.scale(&format!("to-{to}"), from, to)?;
        if from < to {
            scene.traffic.until_read("fast", from..to, PATIENCE)?;
        }
        scene.traffic.until_sent(600)?;
    }
    scene.judge(&["fast", "slow"])?;
    scene.is_quiet()
}
