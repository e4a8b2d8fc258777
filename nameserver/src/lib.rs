//! The name server: brokers say what they serve, clients ask where a topic lives.
//!
//! [`start()`] runs one inside any Tokio runtime; the program `gantry-nameserver` is a command line around it. A request's
//! way: `service` (one session a connection) -> `handlers` (typed header, checks) -> `table` (pure, told the time).
//!
//! The route table lives in memory only: brokers repeat themselves every 30 s (Gantry's come at once when a name server
//! restarted), so a new name server knows everything after that. What an operator stored (KV config, settings) is on disk before it is acknowledged.
#![forbid(unsafe_code)]

mod config;
mod durable;
mod error;
mod handlers;
mod kv;
mod names;
mod probe;
mod service;
mod settings;
mod start;
mod table;
mod writer;

pub use config::Config;
pub use error::Error;
pub use settings::{BadSetting, Settings};
pub use start::{Running, start};
