use std::time::Duration;

/// What one connection, and all together, may take. Defaults are Apache's where it has one.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Without a byte in either direction for this long, a connection is closed.
    pub idle: Duration,
    /// A frame must be complete this long after its first byte, or arrive at [`min_rate`](Self::min_rate).
    pub frame: Duration,
    /// Bytes per second that keep a slow frame alive.
    pub min_rate: usize,
    /// Answers waiting for a client that does not read: beyond this nothing more is read from it.
    pub unsent: usize,
    /// A client that takes nothing for this long is dropped.
    pub write: Duration,
    /// Requests of one connection that have no answer yet, long polls among them: one with more is closed. No consumer reads
    /// so many queues of one broker.
    pub in_flight: usize,
    /// Requests of one connection whose answers are made elsewhere, by threads that wait for the disk: with so many nothing
    /// more is read from it, until one is done.
    pub in_background: usize,
    /// Time that closing connections have at shutdown.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 65_536,
            idle: Duration::from_secs(120),
            frame: Duration::from_secs(10),
            min_rate: 1024,
            unsent: 8 * 1024 * 1024,
            write: Duration::from_secs(30),
            in_flight: 16_384,
            in_background: 16,
            drain: Duration::from_secs(3),
        }
    }
}
