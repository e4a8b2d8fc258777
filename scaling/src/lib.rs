//! Changing the number of an ordered topic's queues under load without ever breaking the order of a key.
//!
//! ```text
//!            announce                  flip at fences F                 drained
//!   4 queues ----------> 8 announced ------------------> 8, gated -------------------> 8 queues
//!            a send to queue j          from here on queue   group g may read child j
//!            is stored in j mod 4       j itself takes it    once it consumed its parent to F
//! ```
//!
//! A *scale* is one change from one number of queues to another. Until its *flip* all producers, those that know of it and
//! those that do not, put a key's messages into the same queue. At the flip the broker notes where each queue ends (its
//! *fence*); what comes after goes to the new queues. From then on a *gate* for each consumer group keeps the group from
//! reading, in a queue that took over keys, what came after the flip, until it has consumed the queues where those keys were
//! before up to their fences. Scales stack: each flip adds its gates to those that stand.
//!
//! With a [`KeyProperty`] the broker reads the key and chooses the queue itself. Then nobody has to learn of anything first: a
//! flip is possible at once, and to any number of queues.
//!
//! Everything here is pure. [`TopicScaling`] is what a broker knows of a topic's scales; it is made by [`Record`]s that the
//! broker writes to its log before they take effect, so that whoever reads the log, after a crash or on a replica, knows the
//! same at the same place.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod begin;
mod flip;
mod gate;
mod key;
pub mod oracle;
mod record;
mod state;
pub mod topology;

pub use begin::{Begin, Plan, Refused, common_divisor, is_multiple};
pub use flip::Flip;
pub use gate::{Gate, Gates, Passage, Progress};
pub use key::{KeyProperty, queue_of_key};
pub use record::{Event, Record, ScaleId, Settle};
pub use state::{Announced, Ended, TopicScaling};
