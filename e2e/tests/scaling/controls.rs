//! Negative controls: each is found by the oracle, or the oracle's silence elsewhere would mean nothing.

use std::time::Duration;

use anyhow::{Result, ensure};
use gantry_e2e::Setup;
use gantry_e2e::case::Client;
use gantry_e2e::order::Options;

use crate::faulty;
use crate::scene::{PATIENCE, Scene, seconds};

/// A fence as the known recipe takes it: when the number of queues is raised, while producers have not heard of it.
pub(crate) fn fence_when_announced(client: Client) -> Result<()> {
    let options = Options { stagger: seconds(5), ..Options::QUICK.producers_poll(seconds(15)) };
    let scene = Scene::new(client, 4, Setup::default(), &options)?;
    is_found(scene, Duration::ZERO, 60)
}

pub(crate) fn no_redirect(client: Client) -> Result<()> {
    let options = Options { stagger: seconds(5), ..Options::QUICK.producers_poll(seconds(15)) };
    let scene = Scene::new(client, 4, faulty::setup("GANTRY_BROKER_FAULT", "NoRedirect")?, &options)?;
    is_found(scene, seconds(20), 60)
}

pub(crate) fn no_gates(client: Client) -> Result<()> {
    let scene = Scene::new(client, 4, faulty::setup("GANTRY_BROKER_FAULT", "NoGates")?, &Options::QUICK)?;
    is_found(scene, seconds(6), 20)
}

pub(crate) fn children_at_the_end(client: Client) -> Result<()> {
    let options = Options { consumer_poll: seconds(20), ..Options::QUICK };
    let scene = Scene::new(client, 4, faulty::setup("GANTRY_BROKER_FAULT", "ChildrenAtEnd")?, &options)?;
    is_found(scene, seconds(6), 30)
}

/// Grows the topic with a group that is behind, and wants something to be wrong with what it is given.
fn is_found(mut scene: Scene, settle: Duration, more_seconds: u64) -> Result<()> {
    scene.join_slowly("slow")?;
    scene.traffic.order("send")?;
    scene.traffic.until_read("slow", 0..4, PATIENCE)?;
    scene.scale_with_backlog("to-8", (4, 8), settle, "slow")?;
    scene.traffic.until_sent(more_seconds * 200)?;
    scene.traffic.order("stop-sending")?;
    // It ends when everything came, or when nothing comes any more, because something is lost.
    let all = scene.traffic.until_all("slow", seconds(40));
    let verdict = scene.traffic.verdict("slow");
    eprintln!("{}: {verdict}", scene.client.name());
    ensure!(!verdict.is_good(), "nothing was found: {verdict}; {all:?}");
    Ok(())
}
