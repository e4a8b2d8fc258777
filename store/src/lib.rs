//! The message store: every message of every topic in one CommitLog, and what is derived from it.
//!
//! ```text
//!            append                         pull by (topic, queue, offset)        query by key
//!              |                                        |                              |
//!   CommitLog  v  .......published]..............   ConsumeQueue  ->  CommitLog     IndexFile -> CommitLog
//!              |          durable]
//!              +--> ConsumeQueue tail in memory --(writer thread)--> files
//!              +--> index entries in memory     --(indexer thread)--> files
//! ```
//!
//! The CommitLog alone is the truth. ConsumeQueue and IndexFile are written from what the append already knows and can be
//! rebuilt from the log at any time. Two cursors move over the log: *published* (in the page cache: survives a process
//! kill) and *durable* (on the disk: survives a power cut). In SYNC mode nobody reads beyond *durable*.
//!
//! File layouts are Apache's, both ways: see the module of each file. No network in this crate.
#![warn(clippy::indexing_slicing)]

mod abort;
mod checkpoint;
pub mod clock;
pub mod commit_log;
pub mod config;
pub mod consume_queue;
mod dispatch;
mod error;
#[doc(hidden)]
pub mod faults;
mod index;
mod mapping;
mod mend;
mod pull;
mod recovery;
mod retention;
mod store;
mod sys;
mod watermark;

pub use commit_log::{Appended, NewMessage, Tag, Turn};
pub use config::{FlushMode, Retention, StoreConfig};
pub use consume_queue::{ById, ByName, ConsumeQueue, Named, Numbered};
pub use error::{AppendError, OpenError};
pub use gantry_message::{PhysicalOffset, QueueOffset};
pub use pull::{Boundary, PullLimits, PullStatus, Pulled, Select};
pub use recovery::Progress;
pub use store::{Stats, Store};
