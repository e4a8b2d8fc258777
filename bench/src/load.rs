//! What is asked of a broker.

use std::net::SocketAddr;
use std::time::Duration;

use gantry_remoting::SerializeType;

/// What the connections do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Send messages.
    Send,
    /// Pull what is there, from each queue's start, over and over.
    Pull,
    /// Send messages, and have long polls wait for them: latency from when a message was due until a poll brought it.
    EndToEnd,
}

/// When the next request goes out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As soon as an answer makes room: closed loop. What it shows is the most that a broker takes, not how long it lets wait.
    Closed,
    /// Closed, and a connection sends again when all that it had under way is answered: how much goes in one write, and comes in one
    /// read, does not depend on who is how fast.
    Rounds,
    /// So many a second, whatever the broker does: open loop.
    Rate(f64),
}

/// A load.
#[derive(Clone, Debug)]
pub struct Load {
    /// The broker.
    pub broker: SocketAddr,
    /// What is done.
    pub mode: Mode,
    /// When.
    pub pace: Pace,
    /// Connections; in [`Mode::EndToEnd`] those that send.
    pub connections: usize,
    /// Connections that poll, in [`Mode::EndToEnd`]; no more than there are queues.
    pub pollers: usize,
    /// Requests that a connection may have under way.
    pub depth: usize,
    /// Threads that the connections are shared out to.
    pub threads: usize,
    /// Bytes of a message body.
    pub size: usize,
    /// The encoding of headers.
    pub header: SerializeType,
    /// Name of the topic, or what the names of several begin with.
    pub topic: String,
    /// Number of topics.
    pub topics: usize,
    /// Queues of each topic.
    pub queues: usize,
    /// Messages that a pull asks for.
    pub batch: i32,
    /// Time under load that nobody looks at.
    pub warm_up: Duration,
    /// Time that counts.
    pub measured: Duration,
}

impl Load {
    /// One connection that sends messages of 128 bytes to one topic of 8 queues, in a closed loop, for ten seconds.
    #[must_use]
    pub fn new(broker: SocketAddr) -> Self {
        Self {
            broker,
            mode: Mode::Send,
            pace: Pace::Closed,
            connections: 1,
            pollers: 4,
            depth: 1,
            threads: 1,
            size: 128,
            header: SerializeType::Binary,
            topic: "gantry-bench".into(),
            topics: 1,
            queues: 8,
            batch: 32,
            warm_up: Duration::from_secs(2),
            measured: Duration::from_secs(10),
        }
    }
}
