//! From the start of the program until a message is stored.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::Alone;
use crate::Cluster;
use crate::bench::lines;
use crate::broker_client::{BrokerClient, Draft};

const PATIENCE: Duration = Duration::from_secs(90);
/// Between two tries, so that trying does not slow what it waits for.
const PAUSE: Duration = Duration::from_micros(500);

pub(super) fn measure(alone: &mut Alone<'_>) -> Result<()> {
    for (contestant, target) in alone.contestants() {
        let mut cluster = Cluster::start(target, alone.setup(contestant))?;
        cluster.stop_broker()?;
        std::fs::remove_dir_all(cluster.store())?;
        let start = Instant::now();
        cluster.spawn_broker()?;
        while !is_stored(cluster.broker_port()) {
            if start.elapsed() > PATIENCE || !cluster.is_alive() {
                bail!("no message is stored:\n{}", cluster.log_tail());
            }
            std::thread::sleep(PAUSE);
        }
        alone.add(&lines::START, contestant, start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}

/// Whether a message of a topic that nobody has made is taken.
fn is_stored(port: u16) -> bool {
    let draft = Draft { topic: "start", queue: 0, body: b"first", properties: &[] };
    BrokerClient::open(port)
        .and_then(|mut client| client.try_send(&draft))
        .is_ok_and(|answer| answer.code == 0)
}
