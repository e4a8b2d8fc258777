//! C1 to C4: what is in the queues in the end.

use std::collections::HashSet;

use super::facts::Facts;
use super::{Check, Findings};
use crate::history::{MessageId, Place, Seen};

pub(super) fn check(facts: &Facts<'_>, lost: &HashSet<MessageId>, found: &mut Findings) {
    acked_at_offset(facts, lost, found);
    let may_miss: HashSet<_> = lost.iter().filter_map(|id| place_of(facts, *id)).collect();
    for (place, whole) in &facts.whole {
        for (pass, (seen, bounds)) in whole.passes.iter().zip(whole.bounds).enumerate() {
            if let Some((min, max)) = bounds {
                let is_missing_rightly = |offset: i64| {
                    may_miss.contains(&((*place).clone(), offset)) || is_damaged_there(facts, seen, offset)
                };
                dense(place, pass + 1, seen, (min, max), is_missing_rightly, found);
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
        let there = all.binary_search_by_key(&offset, |seen| seen.offset).ok().and_then(|n| all.get(n));
        let as_sent = there.is_some_and(|seen| {
            seen.id == Some(id)
                && (seen.crc == send.crc || facts.is_damaged(physical))
                && seen.physical == physical
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
fn dense(
    place: &Place,
    pass: usize,
    seen: &[Seen],
    (min, max): (i64, i64),
    is_missing_rightly: impl Fn(i64) -> bool,
    found: &mut Findings,
) {
    let there: HashSet<_> = seen.iter().map(|seen| seen.offset).collect();
    let expected = (min..max)
        .filter(|offset| there.contains(offset) || !is_missing_rightly(*offset))
        .collect::<Vec<_>>();
    if !seen.iter().map(|seen| seen.offset).eq(expected.iter().copied()) {
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

/// What nobody was told of has no place that anybody knows: it is between its neighbours, and so is what was changed of it.
fn is_damaged_there(facts: &Facts<'_>, seen: &[Seen], offset: i64) -> bool {
    let next = seen.partition_point(|seen| seen.offset < offset);
    let from = next.checked_sub(1).and_then(|before| seen.get(before)).map_or(0, |before| before.physical);
    let until = seen.get(next).map_or(i64::MAX, |after| after.physical);
    let first = facts.damage.partition_point(|at| *at <= from);
    facts.damage.get(first).is_some_and(|at| *at < until)
}

/// Where a message was acknowledged.
fn place_of(facts: &Facts<'_>, id: MessageId) -> Option<(Place, i64)> {
    let send = facts.send(id)?;
    let (_, queue, offset, _) = send.acked()?;
    Some((Place { topic: send.place.topic.clone(), queue }, offset))
}

/// C3 and C4.
fn ghosts_and_doubles(facts: &Facts<'_>, found: &mut Findings) {
    for (place, whole) in &facts.whole {
        for seen in whole.last() {
            let send = seen.id.and_then(|id| facts.send(id));
            let is_sent = send.is_some_and(|send| !send.is_refused() && send.crc == seen.crc)
                // The body has a checksum, and was as it was sent; properties have none, so nothing may be recognised.
                || facts.is_damaged(seen.physical);
            if !is_sent {
                found.add(Check::NoGhost, format!("{place:?} has {seen:?}, which was {send:?}"));
            }
        }
    }
    for (id, places) in facts.found().into_iter().filter(|(_, places)| places.len() > 1) {
        found.add(Check::AtMostOnce, format!("{id:?} is there {} times: {places:?}", places.len()));
    }
}
