//! From the start of the program until a message is stored.

use std::time::Duration;

use anyhow::Result;

use super::Alone;
use crate::Cluster;
use crate::bench::lines;

const PATIENCE: Duration = Duration::from_secs(90);

pub(super) fn measure(alone: &mut Alone<'_>) -> Result<()> {
    for (contestant, target) in alone.contestants() {
        let mut cluster = Cluster::start(target, alone.setup(contestant))?;
        cluster.stop_broker()?;
        std::fs::remove_dir_all(cluster.store())?;
        let took = cluster.time_to_first_send("start", PATIENCE)?;
        alone.add(&lines::START, contestant, took.as_secs_f64() * 1e3);
    }
    Ok(())
}
