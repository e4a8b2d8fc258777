//! Where a topic lives: asked of a name server, turned into the queues that producers and consumers see.

mod lookup;
mod routes;
mod topology;

pub use lookup::NameServers;
pub use routes::Routes;
pub use topology::{DEFAULT_QUEUES, MASTER, Topology, compare_as_java};
