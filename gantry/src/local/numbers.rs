//! What the live line shows: numbers from the servers, and how fast they grow.

use crate::output::numbers::{bytes, counted, grouped, rate};
use std::time::Duration;

/// How things are at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    /// Topics, the system's included.
    pub(super) topics: usize,
    /// Consumer groups, the system's included.
    pub(super) groups: usize,
    /// Producers and consumers that are online.
    pub(super) clients: usize,
    /// Messages stored since the start.
    pub(super) messages_in: u64,
    /// Messages handed out since the start.
    pub(super) messages_out: u64,
    /// Bytes of the log.
    pub(super) log_bytes: u64,
}

/// What belongs to the user among topics and groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) topics: usize,
    pub(super) groups: usize,
}

/// `2 topics  1 group  3 clients  in 1,234/s  out 0.0/s  log 12.3 MiB`.
pub(super) fn line(owned: Owned, before: &Numbers, now: &Numbers, elapsed: Duration) -> String {
    let grown = |before: u64, now: u64| rate(now.saturating_sub(before), elapsed);
    format!(
        "{}  {}  {}  in {}/s ({})  out {}/s ({})  log {}",
        counted(owned.topics as u64, "topic"),
        counted(owned.groups as u64, "group"),
        counted(now.clients as u64, "client"),
        grown(before.messages_in, now.messages_in),
        grouped(now.messages_in),
        grown(before.messages_out, now.messages_out),
        grouped(now.messages_out),
        bytes(now.log_bytes),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_there_is_and_how_fast_it_grows() {
        let before = Numbers { messages_in: 1_000, ..Numbers::default() };
        let now = Numbers { clients: 3, messages_in: 2_200, messages_out: 7, log_bytes: 3 << 20, ..before };
        assert_eq!(
            line(Owned { topics: 2, groups: 1 }, &before, &now, Duration::from_secs(2)),
            "2 topics  1 group  3 clients  in 600/s (2,200)  out 3.5/s (7)  log 3.0 MiB"
        );
    }
}
