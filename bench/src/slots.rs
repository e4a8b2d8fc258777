//! What a connection has under way.

/// Opaques begin here: they have ten digits each, so that a JSON header keeps its length.
const FIRST: i32 = 1_000_000_000;
const GENERATIONS: i32 = 10_000;
/// The most slots that a connection can have.
pub(crate) const MOST: usize = 1 << 16;

/// A request's place among those under way on its connection.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Tells an answer from one to an earlier request of the slot.
    generation: i32,
    /// When the request was due, in nanoseconds of the run; `None` while the slot is free.
    due: Option<u64>,
}

/// The requests under way on one connection.
#[derive(Debug)]
pub(crate) struct Slots(Vec<Slot>);

impl Slots {
    pub(crate) fn new(depth: usize) -> Self {
        Self(vec![Slot::default(); depth.min(MOST)])
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes a free slot; gives the opaque of its request.
    pub(crate) fn take(&mut self, slot: usize, due: u64) -> i32 {
        let entry = &mut self.0[slot];
        entry.generation = (entry.generation + 1) % GENERATIONS;
        entry.due = Some(due);
        FIRST + entry.generation * MOST as i32 + slot as i32
    }

    /// Frees the slot that an answer is for; gives it, and when its request was due. `None` when nobody asked this.
    pub(crate) fn free(&mut self, opaque: i32) -> Option<(usize, u64)> {
        let number = opaque.checked_sub(FIRST).filter(|number| *number >= 0)?;
        let (slot, generation) = (number as usize % MOST, number / MOST as i32);
        let entry = self.0.get_mut(slot).filter(|entry| entry.generation == generation)?;
        entry.due.take().map(|due| (slot, due))
    }

    /// When the requests still under way were due.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = u64> {
        self.0.iter().filter_map(|slot| slot.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_frees_the_slot_of_its_request_once() {
        let mut slots = Slots::new(3);
        let (first, second) = (slots.take(0, 10), slots.take(2, 20));
        assert_eq!(slots.free(second), Some((2, 20)));
        assert_eq!(slots.free(second), None);
        assert_eq!(slots.under_way().collect::<Vec<_>>(), [10]);
        assert_eq!(slots.free(first), Some((0, 10)));
    }

    #[test]
    fn an_answer_to_an_earlier_request_of_the_slot_frees_nothing() {
        let mut slots = Slots::new(1);
        let earlier = slots.take(0, 1);
        slots.free(earlier);
        let later = slots.take(0, 2);
        assert_eq!(slots.free(earlier), None);
        assert_eq!(slots.free(later), Some((0, 2)));
        for stray in [0, -1, i32::MIN, i32::MAX, FIRST + 1] {
            assert_eq!(slots.free(stray), None);
        }
    }

    #[test]
    fn opaques_have_ten_digits_however_often_a_slot_is_taken() {
        let mut slots = Slots::new(MOST);
        for _ in 0..2 * GENERATIONS {
            let opaque = slots.take(MOST - 1, 0);
            assert_eq!(opaque.to_string().len(), 10);
            assert!(slots.free(opaque).is_some());
        }
    }
}
