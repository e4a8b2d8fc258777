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
                    of == life || had_time(facts, *at, died)
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

/// Whether what was committed at one moment had to be saved when the broker died at the other: it lived on for as long as is promised,
/// and longer where the disk did not keep up.
fn had_time(facts: &Facts<'_>, committed: u64, died: u64) -> bool {
    let promised = facts.promise.offset_interval * 1_000_000;
    let beyond = died.saturating_sub(committed).saturating_sub(promised);
    if beyond == 0 {
        return false;
    }
    beyond > SYNCS * facts.slowest_sync(committed, died)
}
