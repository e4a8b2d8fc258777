//! C6: what anybody ever read stays as it was, unless a power cut took it as it may.

use std::collections::{HashMap, HashSet};

use super::facts::Facts;
use super::{Check, Findings};
use crate::history::{Death, Flush, MessageId, Seen};

pub(super) fn check(facts: &Facts<'_>, lost: &HashSet<MessageId>, found: &mut Findings) {
    let mut known: HashMap<_, (usize, Seen)> = HashMap::new();
    for read in &facts.reads {
        if read.records.first().is_some_and(|first| first.offset < read.from) {
            found.add(
                Check::ReadStability,
                format!("{:?} gave offsets before {}, which was asked for", read.place, read.from),
            );
        }
        for seen in read.records {
            let (life, before) = known.entry((read.place, seen.offset)).or_insert((read.life, *seen));
            if before != seen {
                if !may_change(facts, lost, *life, before) {
                    found.add(
                        Check::ReadStability,
                        format!(
                            "{:?} had {before:?} in life {life}, and in life {} has {seen:?}",
                            read.place, read.life
                        ),
                    );
                }
                (*life, *before) = (read.life, *seen);
            }
        }
    }
    // And nothing of it is gone.
    for ((place, offset), (life, seen)) in known {
        let Some(whole) = facts.whole.get(place) else { continue };
        let all = whole.last();
        let first = all.first().map_or(0, |seen| seen.offset);
        let there = all.binary_search_by_key(&offset, |seen| seen.offset).ok();
        let is_trimmed = offset < first;
        if there.is_none() && !is_trimmed && !may_change(facts, lost, life, &seen) {
            found.add(
                Check::ReadStability,
                format!("{seen:?} of {place:?} was read in life {life}, and is gone"),
            );
        }
    }
}

/// It was not yet on the disk when the power went.
fn may_change(facts: &Facts<'_>, lost: &HashSet<MessageId>, life: usize, seen: &Seen) -> bool {
    if facts.is_damaged(seen.physical) {
        return true;
    }
    let cut = matches!(facts.lives.get(life).and_then(|life| life.ended), Some((_, Death::PowerCut)));
    // What comes later than it was sent (at its time, or by its commit) came in that life, and will come again.
    let of_that_life = seen.id.and_then(|id| facts.send(id)).is_some_and(|send| {
        !send.is_plain()
            || (send.life == life && (send.acked().is_none() || seen.id.is_some_and(|id| lost.contains(&id))))
    });
    facts.promise.flush == Flush::Async && cut && of_that_life
}
