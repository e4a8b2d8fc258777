//! C9: what groups have committed.

use std::collections::HashMap;

use super::facts::Facts;
use super::{Check, Findings};
use crate::history::What;

/// Syncs of a save that may be before the one that has an offset in it: of the one under way, and of the file and its folder.
const SYNCS: u64 = 4;

pub(super) fn check(facts: &Facts<'_>, found: &mut Findings) {
    // Of each group and queue what was committed when, in order.
    let mut committed: HashMap<_, Vec<(u64, usize, i64)>> = HashMap::new();
    for (at, life, what) in &facts.others {
        match what {
            What::Committed { group, place, offset } => {
                committed.entry((group, place)).or_default().push((*at, *life, *offset));
            }
            What::Offset { group, place, offset, max } => {
                let told = offset.unwrap_or(-1);
                if told > *max {
                    found.add(
                        Check::Offsets,
                        format!("{group} is at {told} of {place:?}, which ends at {max}"),
                    );
                }
                let Some(before) = committed.get(&(group, place)) else { continue };
                // What the broker had lived on with for long enough, and what it was told in this life.
                let safe = before.iter().rev().find(|(at, of, _)| {
                    let died = facts.lives[*of].ended.map_or(u64::MAX, |(died, _)| died);
                    let lived_on = died.saturating_sub(*at);
                    of == life
                        || (lived_on > facts.promise.offset_interval * 1_000_000
                            && lived_on > window(facts, *at, died))
                });
                let safe = safe.map(|(.., offset)| *offset);
                if let Some(safe) = safe
                    && told < safe
                {
                    found.add(
                        Check::Offsets,
                        format!("{group} had committed {safe} of {place:?} in time, and in life {life} is at {offset:?}"),
                    );
                }
            }
            _ => {}
        }
    }
}

/// How long before a death an offset must have been committed to be there afterwards, in nanoseconds: as promised, and longer where
/// the disk did not keep up.
fn window(facts: &Facts<'_>, from: u64, until: u64) -> u64 {
    let overlaps = |(at, took): &&(u64, u64)| *at >= from && at.saturating_sub(*took) <= until;
    let slowest = facts.slow.iter().filter(overlaps).map(|(_, took)| *took).max().unwrap_or(0);
    facts.promise.offset_interval * 1_000_000 + SYNCS * slowest
}
