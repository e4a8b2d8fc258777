//! A member of a consumer group, as Apache's push consumer is one: heartbeats to every broker of the topic, shares the
//! queues by averaging, pulls with long polls, commits offsets, holds queue locks when order matters, and says good-bye.
//!
//! [`Consumer::join`] starts it; [`Consumer::next`] hands out batches. A batch is claimed before it is used and finished
//! after: only then do offsets advance, so nothing that was not used is ever committed, and a queue that was given to
//! another member meanwhile cannot be claimed any more.

mod allocate;
mod batch;
mod commit;
mod config;
mod fetch;
mod filter;
mod heartbeat;
mod inflate;
mod locks;
mod member;
mod message;
mod note;
mod position;
mod pull;
mod queue;
mod rebalance;
mod shared;
mod trouble;

pub use allocate::averagely;
pub use batch::Batch;
pub use config::{Config, Model, Start};
pub use filter::TagFilter;
pub use member::{Consumer, Event, Left};
pub use message::Message;
pub use note::Note;
