//! Real clients against real servers, as processes.
//!
//! The same cases run against two targets: Gantry, and Apache's own name server and broker 5.5.0. What holds on Apache's
//! is the expected behaviour, so a difference is a finding and not an opinion.
//!
//! The crate owns every process it starts: none outlives the test, not even when that is killed.

#![expect(
    missing_docs,
    reason = "only the tests beside it use this: a sentence on each field would repeat its name"
)]

pub mod await_condition;
pub mod bench;
pub mod broker_client;
pub mod case;
pub mod checker;
pub mod cluster;
mod cold;
pub mod counts;
pub mod crash;
pub mod crowd;
pub mod decoders;
pub mod document;
pub mod history;
pub mod kubernetes;
pub mod loop_disk;
mod many;
pub mod order;
pub mod ports;
pub mod process;
pub mod record;
pub mod recovery;
pub mod remoting;
pub mod report;
pub mod scale;
mod spawner;
pub mod speed;
pub mod target;
pub mod toolchain;
pub mod work_folder;

pub use cluster::{Cluster, Setup};
pub use target::Target;
