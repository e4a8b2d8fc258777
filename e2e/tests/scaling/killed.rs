//! The broker dies at each point of a scale in turn, under load: what comes after goes on.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};
use gantry_e2e::Setup;
use gantry_e2e::case::Client;

use crate::faulty;
use crate::scene::{PATIENCE, SETTLE, Scene, seconds};

/// How often it is looked whether a step is due.
const LOOK: Duration = Duration::from_millis(200);

pub(crate) fn at_every_point(client: Client) -> Result<()> {
    let programs = faulty::programs().map_err(|missing| anyhow!("{missing}"))?;
    let mut scene = Scene::busy(client, 4, Setup::default())?;
    scene.join_slowly("slow")?;
    for point in 1.. {
        let mut deaths = 0;
        for (from, to) in [(4, 8), (8, 4)] {
            scene.cluster.kill_broker()?;
            scene.cluster.become_special(&programs, "GANTRY_BROKER_DIES_AT", point);
            scene.cluster.start_broker()?;
            deaths += u32::from(scale(&mut scene, &format!("{point}-to-{to}"), from, to)?);
        }
        eprintln!("{}: died {deaths} times at point {point}", scene.client.name());
        if deaths == 0 {
            ensure!(point > 10, "a scale has more points than {point}");
            break;
        }
    }
    scene.judge(&["fast", "slow"])
}

/// Does the scale as the operator does: what is next follows from what the broker says. True when the broker died meanwhile.
fn scale(scene: &mut Scene, id: &str, from: i32, to: i32) -> Result<bool> {
    let start = Instant::now();
    let mut died = false;
    loop {
        if !scene.cluster.is_alive() {
            ensure!(!died, "the broker died twice");
            died = true;
            scene.cluster.forget_special();
            scene.cluster.kill_broker()?;
            scene.cluster.start_broker()?;
        }
        if start.elapsed() > PATIENCE {
            bail!("{id} is not done: {:?}", scene.scales.stand());
        }
        std::thread::sleep(LOOK);
        // Whoever asks a broker that dies this moment hears nothing, and asks again.
        let Ok(stand) = scene.scales.stand() else { continue };
        let flips: Vec<_> = stand.flips.iter().filter(|flip| flip.id == id).collect();
        ensure!(flips.len() <= 1, "{id} flipped {} times", flips.len());
        if flips.first().is_some_and(|flip| flip.opened) {
            ensure!((stand.write_queue_nums, stand.read_queue_nums) == (to, to), "{stand:?}");
            return Ok(died);
        }
        let next = match (&stand.announced, flips.first()) {
            (None, None) => scene.scales.begin(id, from, to, SETTLE, seconds(60), true),
            (None, Some(_)) if stand.remaining(&["fast", "slow"]) == 0 => scene.scales.open(id),
            _ => continue,
        };
        if let Err(error) = next {
            eprintln!("{id}: {error:#}");
        }
    }
}
