//! The message as RocketMQ's log and wire know it: the record, its properties, batch bodies, message ids, tag hashes
//! and the names that a topic or a group may have.
//!
//! The record layout is one format for two places: the CommitLog stores it and pull answers carry it verbatim.
//! Nothing here does I/O, and no decoder panics on any input.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

pub mod batch;
pub mod delay;
pub mod hash;
pub mod host;
pub mod id;
pub mod name;
mod offset;
pub mod properties;
pub mod record;
pub mod sys_flag;

pub use host::Host;
pub use offset::{PhysicalOffset, QueueOffset};
pub use record::{Record, RecordError};
