//! The command line of Gantry, and the small RocketMQ client it is made of.
//!
//! [`route`] knows where a topic lives, [`producer`] sends, [`consumer`] is a member of a consumer group; each command
//! has a folder of its own and is a thin user of these.
#![forbid(unsafe_code)]

mod bench;
mod cli;
pub mod client;
mod consume;
pub mod consumer;
mod local;
mod output;
pub mod producer;
pub mod route;
mod send;
mod verify_order;

pub use cli::main;
