//! Sending: a message, the queue it goes to, what the answer means, and when another queue may be tried.

mod message;
mod outcome;
mod receipt;
mod select;
mod sender;

pub use message::{BadMessage, Message, Packed};
pub use outcome::{SendStatus, Verdict, verdict};
pub use receipt::Receipt;
pub use select::{Rotation, Target, by_key, pick};
pub use sender::{MAX_ATTEMPTS, PRODUCER_GROUP, Producer, SendError};
