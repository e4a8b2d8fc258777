//! What else can happen to a topic while it is scaled.

use std::fs::File;
use std::os::fd::AsRawFd;

use anyhow::{Result, ensure};
use gantry_e2e::Setup;
use gantry_e2e::broker_client::BrokerClient;
use gantry_e2e::case::Client;

use crate::scene::{PATIENCE, Scene, TOPIC, seconds};

/// Given up before the flip, and done after all.
pub(crate) fn aborted(client: Client) -> Result<()> {
    let mut scene = Scene::busy(client, 4, Setup::default())?;
    scene.scales.begin("first", 4, 8, seconds(600), seconds(600), true)?;
    scene.traffic.until_sent(1500)?;
    let stand = scene.scales.abort("first")?;
    ensure!((stand.queues, stand.write_queue_nums, stand.read_queue_nums) == (4, 4, 4), "{stand:?}");
    scene.traffic.until_sent(600)?;
    ensure!((4..8).all(|queue| scene.traffic.received("fast", queue) == 0), "the new queues had a message");
    scene.scale("second", 4, 8)?;
    scene.traffic.until_read("fast", 4..8, PATIENCE)?;
    scene.judge(&["fast"])?;
    scene.is_quiet()
}

/// 8 to 4, and back.
pub(crate) fn shrinks(client: Client) -> Result<()> {
    let mut scene = Scene::busy(client, 8, Setup::default())?;
    scene.join_slowly("slow")?;
    scene.traffic.until_sent(1200)?;
    scene.traffic.pause("slow", seconds(5))?;
    scene.traffic.until_sent(600)?;
    scene.scale("to-4", 8, 4)?;
    scene.traffic.until_sent(900)?;
    scene
        .scales
        .until("the groups are through", PATIENCE, |stand| stand.remaining(&["fast", "slow"]) == 0)?;
    let stand = scene.scales.open("to-4")?;
    ensure!((stand.write_queue_nums, stand.read_queue_nums) == (4, 4), "{stand:?}");
    scene.traffic.until_sent(900)?;
    scene.scale("to-8", 4, 8)?;
    scene.traffic.until_sent(900)?;
    scene.judge(&["fast", "slow"])?;
    scene.is_quiet()
}

/// Again, and again, while groups are still on their way.
pub(crate) fn again_while_draining(client: Client) -> Result<()> {
    let mut scene = Scene::busy(client, 2, Setup::default())?;
    scene.join_slowly("slow")?;
    scene.traffic.until_sent(300)?;
    for (id, from, to) in [("a", 2, 4), ("b", 4, 8), ("c", 8, 2), ("d", 2, 6)] {
        scene.traffic.pause("slow", seconds(10))?;
        scene.scale(id, from, to)?;
        scene.traffic.until_sent(300)?;
    }
    scene.judge(&["fast", "slow"])?;
    scene.is_quiet()
}

/// A group that is set back to the beginning is given everything again, in order.
pub(crate) fn reset_before_the_fence(client: Client) -> Result<()> {
    let mut scene = Scene::busy(client, 4, Setup::default())?;
    scene.traffic.until_sent(900)?;
    scene.scale("to-8", 4, 8)?;
    scene.traffic.until_read("fast", 4..8, PATIENCE)?;
    scene.traffic.until_sent(900)?;
    scene.judge(&["fast"])?;
    scene.traffic.order("stop-consuming fast")?;
    // With nobody online everything is told at the next start.
    scene.traffic.start_over("fast");
    BrokerClient::open(scene.cluster.broker_port())?.reset("fast", TOPIC, 0)?;
    // What a crash forgets it must not bring back.
    scene.cluster.kill_broker()?;
    scene.cluster.start_broker()?;
    drop_page_cache(&scene)?;
    scene.join("fast")?;
    scene.judge(&["fast"])
}

/// A group that starts after the flip reads what it wishes, and a topic with cold messages loses none.
pub(crate) fn cold(client: Client) -> Result<()> {
    let mut scene = Scene::busy(client, 4, Setup::default())?;
    scene.join("later")?;
    scene.traffic.until_read("later", 0..4, PATIENCE)?;
    scene.traffic.order("stop-consuming later")?;
    scene.scale("to-8", 4, 8)?;
    scene.traffic.until_sent(900)?;
    drop_page_cache(&scene)?;
    // It starts with CONSUME_FROM_LAST_OFFSET: Apache's broker would have it pass over what is in the new queues.
    scene.join("later")?;
    scene.judge(&["fast", "later"])?;
    scene.is_quiet()
}

/// Has the kernel forget what it holds of the log.
fn drop_page_cache(scene: &Scene) -> Result<()> {
    for entry in std::fs::read_dir(scene.cluster.store().join("commitlog"))? {
        let file = File::open(entry?.path())?;
        file.sync_all()?;
        // SAFETY: no memory is passed; the descriptor is open.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    }
    Ok(())
}
