//! The broker: what a RocketMQ client may ask, answered from the store.
//!
//! [`start`] opens the store and listens. From a request to the log: [`session`] picks the processor by request code,
//! `processor::send` checks and stores, `gantry_store` appends.
#![forbid(unsafe_code)]

mod asked;
mod backlog;
mod broker;
mod clients;
mod clock;
pub mod config;
mod damage;
mod delay;
mod faults;
mod filter;
mod groups;
mod holds;
mod json_file;
mod leave;
mod ledger;
mod locks;
mod metrics;
mod mornings;
mod name_servers;
mod offsets;
mod pop;
mod probe;
mod processor;
mod rates;
mod registration;
mod request_modes;
mod retention;
mod scaling;
mod session;
mod start;
mod stop;
mod timers;
mod topics;
mod traffic;
mod transactions;
mod watchdog;

pub use broker::Snapshot;
pub use config::BrokerConfig;
pub use start::{Error, Hurry, Running, start};
