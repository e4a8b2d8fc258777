//! C15: back soon, and everything read to its end.

use super::facts::Facts;
use super::{Check, Findings};

/// Of fewer lives half are no more than chance.
const MANY: usize = 10;

pub(super) fn check(facts: &Facts<'_>, found: &mut Findings) {
    let back: Vec<_> = facts
        .lives
        .iter()
        .enumerate()
        .filter(|(_, life)| !life.refused_first)
        .filter_map(|(n, life)| Some((n, (life.first_ack? - life.started) / 1_000_000)))
        .collect();
    // A machine that is busy with other things may hold up one start, not half of many.
    let mut times: Vec<_> = back.iter().map(|(_, ms)| *ms).collect();
    times.sort_unstable();
    if let Some(median) = times.get(times.len() / 2)
        && times.len() >= MANY
        && *median > facts.promise.back_within
    {
        found.add(
            Check::Liveness,
            format!("half of the lives took {median} ms and more to their first SEND_OK"),
        );
    }
    let slow = 20 * facts.promise.back_within;
    for (life, ms) in back.iter().filter(|(_, ms)| *ms > slow) {
        found.add(Check::Liveness, format!("life {life} took {ms} ms to its first SEND_OK"));
    }
    for (n, life) in facts.lives.iter().enumerate() {
        if life.serving.is_none() && life.ended.is_none() {
            found.add(Check::Liveness, format!("life {n} never served"));
        }
    }
    if facts.whole.is_empty() {
        found.add(Check::Liveness, "nothing was read in the end".into());
    }
}
