//! What the targets share: choices made by the fuzzer's bytes, folders in memory, and the words of the protocol.

pub mod choices;
pub mod folder;
pub mod requests;

use std::sync::LazyLock;
use tokio::runtime::Runtime;

/// The runtime of servers that live as long as the process.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
});
