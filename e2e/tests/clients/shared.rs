//! Clusters that cases share, one of each kind a target, started when the first case needs it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use anyhow::{Result, anyhow};
use gantry_e2e::{Cluster, Target};

use crate::kind::Kind;

type Slot = Arc<Mutex<Option<Arc<Cluster>>>>;

static CLUSTERS: LazyLock<Mutex<HashMap<(Target, Kind), Slot>>> = LazyLock::new(Mutex::default);

/// The running cluster of that kind. One whose server died is replaced, so that one bad case does not fail the rest.
pub(crate) fn cluster(target: Target, kind: Kind) -> Result<Arc<Cluster>> {
    let slot = CLUSTERS.lock().map_err(|e| anyhow!("{e}"))?.entry((target, kind)).or_default().clone();
    let mut slot = slot.lock().map_err(|e| anyhow!("{e}"))?;
    if let Some(cluster) = slot.as_ref() {
        if cluster.is_alive() {
            return Ok(cluster.clone());
        }
        eprintln!(
            "A SERVER OF THE SHARED {target} CLUSTER DIED during an earlier case; starting another\n{}",
            cluster.log_tail()
        );
    }
    let cluster = Arc::new(Cluster::start(target, kind.setup())?);
    *slot = Some(cluster.clone());
    Ok(cluster)
}

/// Statics are never dropped: without this the folders would stay behind.
pub(crate) fn stop_all() {
    if let Ok(mut clusters) = CLUSTERS.lock() {
        clusters.clear();
    }
}
