//! C1 to C4: what is in the queues in the end.

use std::collections::HashSet;

use super::facts::Facts;
use super::{Check, Findings};
use crate::history::{MessageId, Place, Seen};

pub(super) fn check(facts: &Facts<'_>, lost: &HashSet<MessageId>, found: &mut Findings) {
    acked_at_offset(facts, lost, found);
    for (place, whole) in &facts.whole {
        for (pass, (seen, bounds)) in whole.passes.iter().zip(whole.bounds).enumerate() {
            if let Some((min, max)) = bounds {
                dense(place, pass + 1, seen, min, max, found);
            }
        }
        if whole.bounds.iter().all(Option::is_some) && whole.passes[0] != whole.passes[1] {
            found.add(Check::ReadStability, format!("{place:?} is another one after a clean restart"));
        }
    }
    ghosts_and_doubles(facts, found);
}

/// C1.
fn acked_at_offset(facts: &Facts<'_>, lost: &HashSet<MessageId>, found: &mut Findings) {
    for (id, send) in facts.acked_plain().filter(|(id, _)| !lost.contains(id)) {
        let Some((_, queue, offset, physical)) = send.acked() else { continue };
        let place = Place { topic: send.place.topic.clone(), queue };
        let all = facts.whole.get(&place).map_or(&[][..], |whole| whole.last());
        let first = all.first().map_or(0, |seen| seen.offset);
        let there = usize::try_from(offset - first).ok().and_then(|n| all.get(n));
        let as_sent = there.is_some_and(|seen| {
            seen.id == Some(id) && seen.offset == offset && seen.crc == send.crc && seen.physical == physical
        });
        if !as_sent {
            found.add(
                Check::AckedAtOffset,
                format!(
                    "{id:?}, sent in life {}, was acknowledged at {offset} of {place:?} (log {physical}), where there is {there:?}",
                    send.life
                ),
            );
        }
    }
}

/// C2.
fn dense(place: &Place, pass: usize, seen: &[Seen], min: i64, max: i64, found: &mut Findings) {
    let expected = min..max;
    let holes = seen.iter().map(|seen| seen.offset).ne(expected.clone());
    if holes {
        let at = seen.iter().map(|seen| seen.offset).zip(expected).find(|(got, expected)| got != expected);
        found.add(
            Check::Dense,
            format!(
                "{place:?} has {} messages from {min} to {max} in reading {pass}; the first that is wrong: {at:?}",
                seen.len()
            ),
        );
    }
    if !seen.is_sorted_by(|a, b| a.physical < b.physical) {
        found.add(Check::Dense, format!("{place:?}: offsets of the log do not rise with those of the queue"));
    }
}

/// C3 and C4.
fn ghosts_and_doubles(facts: &Facts<'_>, found: &mut Findings) {
    for (place, whole) in &facts.whole {
        for seen in whole.last() {
            let send = seen.id.and_then(|id| facts.send(id));
            let is_sent = send.is_some_and(|send| send.crc == seen.crc && !send.is_refused());
            if !is_sent {
                found.add(Check::NoGhost, format!("{place:?} has {seen:?}, which was {send:?}"));
            }
        }
    }
    for (id, places) in facts.found().into_iter().filter(|(_, places)| places.len() > 1) {
        found.add(Check::AtMostOnce, format!("{id:?} is there {} times: {places:?}", places.len()));
    }
}
