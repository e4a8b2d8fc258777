//! What a power cut may take with ASYNC_FLUSH: the last moments, all of them from some message on.

use std::collections::{BTreeMap, HashSet};

use super::facts::Facts;
use super::{Check, Findings};
use crate::history::{Death, Flush, MessageId};

/// How long a flush itself may take, in milliseconds: what is being written when the power goes was not flushed.
const FLUSHING: u64 = 1_500;
/// Where the disk does not keep up: of the flush under way when a message comes, and of the one that has it.
const FLUSHES: u64 = 2;

/// Acknowledged messages that are gone and may be. Whatever else is missing is for [`super::placement`] to find.
pub(super) fn check(facts: &Facts<'_>, found: &mut Findings) -> HashSet<MessageId> {
    let mut lost = HashSet::new();
    if facts.promise.flush == Flush::Sync {
        return lost;
    }
    let there = facts.found();
    let mut by_life: BTreeMap<usize, Vec<(i64, u64, MessageId)>> = BTreeMap::new();
    for (id, send) in facts.acked_plain() {
        if let Some((at, _, _, physical)) = send.acked() {
            by_life.entry(send.life).or_default().push((physical, at, id));
        }
    }
    for (life, mut acked) in by_life {
        let Some((cut, Death::PowerCut)) = facts.lives[life].ended else { continue };
        acked.sort_unstable();
        let Some(first) = acked.iter().position(|(_, _, id)| !there.contains_key(id)) else { continue };
        let (survived, gone) = acked.split_at(first);
        let window = (facts.promise.flush_interval + FLUSHING) * 1_000_000;
        for (physical, at, id) in gone {
            if there.contains_key(id) {
                found.add(
                    Check::AckedAtOffset,
                    format!("life {life}: {id:?} at {physical} survived the power cut, and something before it did not"),
                );
            } else if cut.saturating_sub(*at) > window + FLUSHES * facts.slowest_sync(*at, cut) {
                found.add(
                    Check::AckedAtOffset,
                    format!(
                        "life {life}: {id:?} was acknowledged {} ms before the power cut, and is gone",
                        (cut - at) / 1_000_000
                    ),
                );
            } else {
                lost.insert(*id);
            }
        }
        debug_assert!(survived.iter().all(|(_, _, id)| there.contains_key(id)));
    }
    lost
}
