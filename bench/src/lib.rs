//! A load generator for any RocketMQ broker.
//!
//! ```text
//! run: phases, threads ──> worker: one epoll ──> connection: bytes in, bytes out
//!                            │      └── slots: what is under way, and since when
//!                            ├── schedule: when requests are due (open loop)
//!                            ├── template: a frame that is copied and patched for each send
//!                            └── tally: histograms and errors
//! ```
//!
//! Latency counts from the moment a request was **due**, not from when the generator got to it: a broker that stands still for a
//! second is charged for every request that should have gone out meanwhile (coordinated omission).
//!
//! A message costs the generator a copy, a few patched digits and its share of a system call, far less than any broker: what is
//! measured is the broker. [`responder`] is the proof, a server that does nothing but answer.
#![forbid(unsafe_code)]

mod connection;
mod lane;
mod load;
mod prepare;
mod request;
pub mod responder;
mod response;
mod run;
mod schedule;
mod slots;
mod tally;
mod template;
mod worker;

pub use hdrhistogram::Histogram;
pub use load::{Load, Mode, Pace};
pub use prepare::{create_topics, topic_name};
pub use run::{Moment, run};
pub use tally::{Failure, Tally};
