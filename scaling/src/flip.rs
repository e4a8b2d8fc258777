//! A flip: the moment from which the messages of a key go to another queue.

use crate::ScaleId;
use gantry_message::QueueOffset;
use serde::{Deserialize, Serialize};

/// A flip that happened, and what it must guard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flip {
    /// The scale.
    pub id: ScaleId,
    /// Queues before.
    pub from: i32,
    /// Queues after.
    pub to: i32,
    /// Keys of queue `a` may have moved to queue `b` when both leave the same rest by this.
    pub modulus: i32,
    /// The offset after the last message of each queue at the flip, by queue id.
    pub fences: Vec<QueueOffset>,
    /// Milliseconds since the epoch.
    pub at: i64,
    /// Somebody set it by hand: who may read the new queues is their affair.
    #[serde(default)]
    pub by_hand: bool,
    /// With more queues: everybody may read the new ones. With fewer: every group has consumed those that went.
    #[serde(default)]
    pub opened: bool,
}

impl Flip {
    /// Where `queue` ended at the flip. Queues that neither existed nor came are empty.
    #[must_use]
    pub fn fence(&self, queue: i32) -> QueueOffset {
        usize::try_from(queue).ok().and_then(|queue| self.fences.get(queue)).copied().unwrap_or_default()
    }

    /// What a queue has in common with those that keys may have moved to or from.
    pub(crate) fn rest(&self, queue: i32) -> i32 {
        queue.rem_euclid(self.modulus.max(1))
    }

    /// Queues of one rest from which keys may have moved.
    pub(crate) fn sources_of(&self, rest: i32) -> impl Iterator<Item = i32> + use<> {
        let Self { from, to, modulus, .. } = *self;
        let modulus = modulus.max(1);
        // Another queue than itself takes keys of its rest: the first that does, or the second if it is the first itself.
        let is_source = move |queue: &i32| if *queue == rest { rest + modulus < to } else { rest < to };
        (rest..from).step_by(modulus as usize).filter(is_source)
    }

    /// Queues whose keys may have moved to `queue`, other than itself. None for a queue that takes nothing any more.
    pub fn parents(&self, queue: i32) -> impl Iterator<Item = i32> + use<> {
        let takes = queue < self.to;
        self.sources_of(self.rest(queue)).filter(move |parent| takes && *parent != queue)
    }

    /// True when `queue` takes messages since this flip and did not before.
    #[must_use]
    pub fn is_child(&self, queue: i32) -> bool {
        (self.from..self.to).contains(&queue)
    }

    /// True when `queue` takes nothing since this flip, and no group has to read it any more.
    #[must_use]
    pub fn gave_up(&self, queue: i32) -> bool {
        self.opened && (self.to..self.from).contains(&queue)
    }

    /// Queues from which keys may have moved, in the order of their rests.
    pub fn sources(&self) -> impl Iterator<Item = i32> + '_ {
        (0..self.modulus.max(1)).flat_map(|rest| self.sources_of(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flip(from: i32, to: i32, modulus: i32) -> Flip {
        let fences = (0..from.max(to)).map(|queue| QueueOffset(i64::from(queue) * 10)).collect();
        Flip {
            id: ScaleId::new("s").unwrap(),
            from,
            to,
            modulus,
            fences,
            at: 0,
            by_hand: false,
            opened: false,
        }
    }

    fn parents(flip: &Flip, queue: i32) -> Vec<i32> {
        flip.parents(queue).collect()
    }

    fn sources(flip: &Flip) -> Vec<i32> {
        let mut sources: Vec<_> = flip.sources().collect();
        sources.sort_unstable();
        sources
    }

    #[test]
    fn growth_by_a_multiple_has_one_parent_a_child_and_none_for_the_old() {
        let flip = flip(4, 8, 4);
        assert_eq!(parents(&flip, 5), [1]);
        assert_eq!(parents(&flip, 1), [0; 0]);
        assert_eq!(parents(&flip, 9), [0; 0], "a queue that is not there");
        assert_eq!(sources(&flip), [0, 1, 2, 3]);
        assert_eq!(flip.fence(3), QueueOffset(30));
        assert_eq!(flip.fence(99), QueueOffset(0));
    }

    #[test]
    fn shrinking_gathers_the_rests_in_the_queues_that_stay() {
        let flip = flip(8, 4, 4);
        assert_eq!(parents(&flip, 1), [5]);
        assert_eq!(parents(&flip, 5), [0; 0], "nothing comes there any more");
        assert_eq!(sources(&flip), [4, 5, 6, 7], "each old queue is its own heir");
    }

    #[test]
    fn without_a_common_multiple_old_queues_get_keys_too() {
        let flip = flip(4, 6, 2);
        assert_eq!(parents(&flip, 4), [0, 2]);
        assert_eq!(parents(&flip, 0), [2]);
        assert_eq!(sources(&flip), [0, 1, 2, 3]);
    }
}
