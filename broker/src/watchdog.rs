//! Keeps connections served while an append or a flush is held up by the disk.
//!
//! A worker of tokio that waits for it may be the one that had just asked the kernel for events: nobody asks again
//! before it is done, however idle the other workers are. A task from outside wakes one of them, and it takes over.

use crate::broker::Broker;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::Handle;

const EVERY: Duration = Duration::from_millis(50);

/// Starts the thread; it ends with the broker.
///
/// # Errors
/// The thread could not be made.
pub(crate) fn start(broker: &Arc<Broker>, workers: Handle) -> io::Result<JoinHandle<()>> {
    let broker = Arc::clone(broker);
    thread::Builder::new().name("broker-watchdog".into()).spawn(move || {
        while !broker.stop.wait(EVERY) {
            // They take microseconds: seen under way at all, one may be long.
            if broker.store.is_held_up() {
                workers.spawn(async {});
            }
        }
    })
}
