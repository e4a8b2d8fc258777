//! A topic on Apache's broker, which knows no gates.

use anyhow::{Result, ensure};
use gantry_e2e::case::Client;
use gantry_e2e::order::{DeclaredTopic, Options};
use gantry_e2e::{Setup, Target};

use crate::scene::{PATIENCE, Scene, TOPIC, seconds};

const SCALING: &str = "{settleSeconds: 6}";

/// The order of each producer is kept and nothing is lost, and the status says that it is no more than that.
pub(crate) fn on_apache(client: Client) -> Result<()> {
    let mut scene = Scene::on(Target::Apache, client, 4, Setup::default(), &Options::QUICK)?;
    scene.join("fast")?;
    scene.join_slowly("slow")?;
    let declared =
        DeclaredTopic::adopt(scene.cluster.folder(), scene.cluster.broker_port(), TOPIC, 4, SCALING)?;
    scene.traffic.order("send")?;
    scene.traffic.until_read("slow", 0..4, PATIENCE)?;
    declared.declare(8, SCALING)?;
    let scale = declared.until_phase("Announced", PATIENCE)?;
    ensure!(scale["guarantee"] == "PerProducer", "{scale:#}");
    // It is behind when the fences are taken: some ten seconds later.
    scene.traffic.until_sent(7500)?;
    scene.traffic.pause("slow", seconds(15))?;
    let scale = declared.until_phase("Draining", PATIENCE)?;
    ensure!(scale["fences"].as_array().is_some_and(|fences| fences.len() == 4), "{scale:#}");
    ensure!((4..8).all(|queue| scene.traffic.received("fast", queue) == 0), "a new queue was read too early");
    let scale = declared.until_phase("Done", PATIENCE)?;
    eprintln!("{}: {}", client.name(), scale["summary"]);
    for group in ["fast", "slow"] {
        scene.traffic.until_read(group, 4..8, PATIENCE)?;
    }
    scene.traffic.until_sent(600)?;
    scene.traffic.order("stop-sending")?;
    for group in ["fast", "slow"] {
        scene.traffic.until_all(group, PATIENCE)?;
        let verdict = scene.traffic.verdict(group);
        eprintln!("{} {group}: {verdict}", client.name());
        ensure!(verdict.inversions_within == 0 && verdict.lost == 0, "{group}: {verdict}");
    }
    Ok(())
}
