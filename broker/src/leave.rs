//! The time between a broker's farewell to the name servers and its end: it serves on, so that producers that learn of
//! the farewell at their next look at the route (every 30 s) lose nothing meanwhile.

use crate::broker::Broker;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// No message in this time: the producers have gone.
const QUIET: Duration = Duration::from_secs(2);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until no producer has sent for a while, at most `leaveTimeoutMillis`. Not at all when there is no other broker
/// that producers could go to, or nobody can be asked.
pub(crate) async fn until_quiet(broker: &Arc<Broker>) {
    let limit = broker.config().leave_timeout;
    if limit.is_zero() {
        return;
    }
    if !broker.registration.knows_others(broker).await {
        tracing::info!(
            "no other broker of the cluster is known: stopping without waiting for producers to leave"
        );
        return;
    }
    tracing::info!(at_most = ?limit, "serving on until producers have left; a second signal skips this");
    let began = Instant::now();
    let (mut sent, mut since) = (broker.put.total(), began);
    while since.elapsed() < QUIET {
        if began.elapsed() >= limit {
            tracing::warn!("producers are still sending: they will notice that this broker is gone");
            return;
        }
        tokio::time::sleep(LOOK).await;
        let now = broker.put.total();
        if now != sent {
            (sent, since) = (now, Instant::now());
        }
    }
    tracing::info!(after = ?began.elapsed(), "producers have left");
}
