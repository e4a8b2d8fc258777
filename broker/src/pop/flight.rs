//! Messages that a consumer was given together and has not acknowledged all (Apache: `PopCheckPoint`).

use crate::clock::{Due, Moment};
use gantry_message::Record;
use serde::{Deserialize, Serialize};

/// Messages of one queue on their way. Stored as the body of an entry of the ledger, in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Flight {
    pub(crate) group: Box<str>,
    /// The topic that they were read from, which may be a retry topic.
    pub(crate) topic: Box<str>,
    pub(crate) queue: i32,
    /// Where the reading began.
    pub(crate) start: i64,
    /// The messages, rising; none for a group that was moved.
    pub(crate) offsets: Vec<i64>,
    /// Where the group reads on from here, if this says so.
    pub(crate) next: Option<i64>,
    /// Milliseconds since the epoch.
    pub(crate) pop_time: i64,
    /// Milliseconds.
    pub(crate) invisible: i64,
    /// Bit n: the n-th message is acknowledged.
    #[serde(skip)]
    pub(crate) acked: u32,
}

/// Messages that a flight has at most.
pub(crate) const MOST: usize = 32;

/// The flight that a stored record has; `None` when it has none.
pub(super) fn read(bytes: &[u8]) -> Option<Flight> {
    serde_json::from_slice(Record::read(bytes).ok()?.0.body).ok()
}

impl Flight {
    /// When those that are not acknowledged by then are given again, in milliseconds since the epoch.
    pub(crate) fn visible_at(&self) -> i64 {
        self.pop_time.saturating_add(self.invisible)
    }

    /// The same of one that is on its way since `now` or before.
    pub(crate) fn due(&self, now: Moment) -> Due {
        Due::within(now, self.visible_at(), self.invisible)
    }

    /// By what handles name it.
    pub(crate) fn key(&self) -> (i64, i64) {
        (self.start, self.pop_time)
    }

    /// False for a message that is not of this flight.
    pub(crate) fn ack(&mut self, offset: i64) -> bool {
        let Ok(n) = self.offsets.binary_search(&offset) else { return false };
        self.acked |= 1 << n;
        true
    }

    /// Those that are not acknowledged.
    pub(crate) fn left(&self) -> Vec<i64> {
        let offsets = self.offsets.iter().enumerate();
        offsets.filter(|(n, _)| self.acked & (1 << n) == 0).map(|(_, offset)| *offset).collect()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.acked.count_ones() as usize == self.offsets.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flight_is_over_when_each_message_is_acknowledged() {
        let mut flight = Flight {
            group: "g".into(),
            topic: "t".into(),
            queue: 0,
            start: 3,
            offsets: vec![3, 5, 9],
            next: Some(10),
            pop_time: 100,
            invisible: 50,
            acked: 0,
        };
        assert!(!flight.ack(4));
        assert!(flight.ack(5) && flight.ack(5));
        assert_eq!(flight.left(), [3, 9]);
        assert!(flight.ack(3) && !flight.is_over());
        assert!(flight.ack(9) && flight.is_over());
        assert_eq!(flight.visible_at(), 150);
    }
}
