//! C5: order in the queues against the order in which clients saw things.

use std::collections::HashMap;

use super::facts::Facts;
use super::{Check, Findings};

pub(super) fn check(facts: &Facts<'_>, found: &mut Findings) {
    for (place, whole) in &facts.whole {
        let sends: Vec<_> = whole
            .last()
            .iter()
            .filter_map(|seen| Some((seen.offset, seen.id?, facts.send(seen.id?)?)))
            .filter(|(_, _, send)| send.is_plain())
            .collect();
        // From the end: the earliest acknowledgement of what stands behind.
        let mut earliest = None;
        for (offset, id, send) in sends.iter().rev() {
            if let Some((at, behind)) = earliest
                && at < send.at
            {
                found.add(
                    Check::RealTime,
                    format!("{place:?}: {behind:?} was acknowledged before {id:?} at {offset} was sent, and stands behind it"),
                );
            }
            if let Some((at, ..)) = send.acked()
                && earliest.is_none_or(|(before, _)| at < before)
            {
                earliest = Some((at, *id));
            }
        }
        let mut last_of_lane = HashMap::new();
        for (offset, id, send) in &sends {
            // A lane is a connection of one life.
            if let Some(before) = last_of_lane.insert((send.life, send.lane), *id)
                && before > *id
            {
                found.add(
                    Check::RealTime,
                    format!("{place:?}: {before:?} was sent after {id:?} on one connection, and stands before it, at {offset}"),
                );
            }
        }
    }
}
