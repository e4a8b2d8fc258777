//! Order under scaling: real clients that number the messages of each key, the oracle that judges what they were given, and the
//! requests by which a topic is scaled meanwhile.

mod declared;
mod scales;
mod traffic;

pub use declared::DeclaredTopic;
pub use scales::{Scales, Stand};
pub use traffic::{Options, Traffic};
