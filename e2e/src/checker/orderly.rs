//! C10: groups that consume in order.

use std::collections::{HashMap, HashSet};

use super::facts::Facts;
use super::{Check, Findings};
use crate::history::{Death, Flush, MessageId, Place, Reader, What};

/// A lock that nobody renews is open to others after this (`rocketmq.broker.rebalance.lockMaxLiveTime`).
const LOCK_LIVES_NS: u64 = 60_000_000_000;

pub(super) fn check(facts: &Facts<'_>, lost: &HashSet<MessageId>, found: &mut Findings) {
    holders(facts, found);
    deliveries(facts, lost, found);
}

/// Two clients never hold one queue in one life.
fn holders(facts: &Facts<'_>, found: &mut Findings) {
    let mut held: HashMap<(usize, &str, &Place), (&str, u64)> = HashMap::new();
    for (at, life, what) in &facts.others {
        match what {
            What::Locked { group, client, place } => {
                if let Some((holder, since)) = held.insert((*life, group, place), (client, *at))
                    && holder != client
                    && at - since < LOCK_LIVES_NS
                {
                    found.add(
                        Check::OrderedConsumption,
                        format!("life {life}: {client} was given {place:?} while {holder} held it"),
                    );
                }
            }
            What::Unlocked { group, client, place }
                if held.get(&(*life, group, place)).is_some_and(|(holder, _)| holder == client) =>
            {
                held.remove(&(*life, group, place));
            }
            _ => {}
        }
    }
}

/// What a group is given of a queue goes on where it was, or repeats what it was given; it skips nothing.
fn deliveries(facts: &Facts<'_>, lost: &HashSet<MessageId>, found: &mut Findings) {
    let mut next: HashMap<(&str, &Place), i64> = HashMap::new();
    let mut last_life = 0;
    for read in &facts.reads {
        let Reader::Member { group, client } = read.reader else { continue };
        if read.life != last_life {
            let cut = facts.lives[last_life..read.life]
                .iter()
                .any(|life| matches!(life.ended, Some((_, Death::PowerCut))));
            if cut && facts.promise.flush == Flush::Async && !lost.is_empty() {
                // Offsets of what was lost are given to others.
                next.clear();
            }
            last_life = read.life;
        }
        for seen in read.records {
            let next = next.entry((group, read.place)).or_insert(seen.offset);
            // What was damaged is passed over.
            if seen.offset > *next && facts.damage.is_empty() {
                found.add(
                    Check::OrderedConsumption,
                    format!(
                        "{client} of {group} was given {} of {:?}, and {next} never",
                        seen.offset, read.place
                    ),
                );
            }
            *next = (*next).max(seen.offset + 1);
        }
    }
}
