//! C12: messages with a time of their own.

use std::collections::HashSet;

use super::facts::Facts;
use super::{Check, Findings};
use crate::history::MessageId;

/// Milliseconds by which a broker's clock and a store time in whole milliseconds may differ.
const ROUNDING: i64 = 1;

pub(super) fn check(facts: &Facts<'_>, lost: &HashSet<MessageId>, found: &mut Findings) {
    let there = facts.found();
    for (n, send) in facts.sends.iter().enumerate() {
        let (id, Some(due)) = (MessageId(n as u64), send.due) else { continue };
        let Some(places) = there.get(&id) else {
            if send.acked().is_some() && lost.is_empty() {
                found.add(Check::Timers, format!("{id:?}, due at {due}, was acknowledged and never came"));
            }
            continue;
        };
        for (place, seen) in places {
            let early = due - seen.stored_at;
            if early > ROUNDING {
                found.add(Check::Timers, format!("{id:?} came {early} ms early, to {place:?}"));
            }
        }
    }
    late(facts, found);
}

/// Those whose time came while the broker was up, or before it was: late by how long it had been up, and could store something.
fn late(facts: &Facts<'_>, found: &mut Findings) {
    let there = facts.found();
    let lateness = i64::try_from(facts.promise.lateness).unwrap_or(i64::MAX);
    let lives: Vec<_> = facts
        .lives
        .iter()
        .filter_map(|life| {
            let ended = life.ended.map_or(i64::MAX, |(at, _)| facts.wall(at));
            Some((facts.wall(life.serving?), ended))
        })
        .collect();
    for (n, send) in facts.sends.iter().enumerate() {
        let (id, Some(due), Some((acked, ..))) = (MessageId(n as u64), send.due, send.acked()) else {
            continue;
        };
        let Some((_, seen)) = there.get(&id).and_then(|places| places.first()) else { continue };
        let due = due.max(facts.wall(acked));
        let overslept = lives.iter().find(|(serving, ended)| {
            let from = due.max(*serving);
            let latest = from + lateness + facts.full_within(from, seen.stored_at);
            latest < *ended && latest < seen.stored_at
        });
        if let Some((serving, _)) = overslept {
            let late = seen.stored_at - due.max(*serving);
            found.add(Check::Timers, format!("{id:?} came {late} ms late"));
        }
    }
}
