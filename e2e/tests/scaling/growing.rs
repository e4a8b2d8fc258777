//! 4 to 8 to 16 queues under load, with a group that is fast, one that is ten seconds behind, and one that is not there.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use gantry_e2e::Setup;
use gantry_e2e::case::Client;
use gantry_e2e::order::Options;

use crate::scene::{PATIENCE, SETTLE, Scene, seconds};

/// What a client's users do not wait for longer than, where nothing else keeps the machine busy.
const SOON: Duration = seconds(5);

pub(crate) fn quickly(client: Client) -> Result<()> {
    run(client, &Options::QUICK, SETTLE, PATIENCE)
}

/// Clients with their own settings, and the time to settle that goes with them.
pub(crate) fn with_defaults(client: Client) -> Result<()> {
    run(client, &Options::DEFAULTS, seconds(75), SOON)
}

fn run(client: Client, options: &Options, settle: Duration, soon: Duration) -> Result<()> {
    let mut scene = Scene::new(client, 4, Setup::default(), options)?;
    scene.join("fast")?;
    scene.join("stopped")?;
    scene.join_slowly("slow")?;
    scene.traffic.order("send")?;
    for group in ["fast", "slow", "stopped"] {
        scene.traffic.until_read(group, 0..4, PATIENCE)?;
    }
    scene.traffic.order("stop-consuming stopped")?;

    for (from, to) in [(4, 8), (8, 16)] {
        let id = format!("to-{to}");
        scene.scale_with_backlog(&id, (from, to), settle, "slow")?;
        let flip = Instant::now();
        let took = scene.traffic.until_read("fast", from..to, PATIENCE)?.saturating_duration_since(flip);
        eprintln!("{}: fast reads all new queues {took:.1?} after the flip to {to}", client.name());
        ensure!(took <= soon, "the fast group waited {took:?} for the new queues");
        scene.traffic.until_read("slow", from..to, PATIENCE)?;
        let stand = scene.scales.open(&id)?;
        ensure!(stand.remaining(&["stopped"]) > 0, "the stopped group is behind: {stand:?}");
    }
    scene.traffic.until_sent(600)?;
    scene.join("stopped")?;
    scene.judge(&["fast", "slow", "stopped"])?;
    scene.is_quiet()
}
