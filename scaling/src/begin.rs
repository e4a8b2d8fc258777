//! Whether a scale can be begun, and what has to happen for it.

use crate::{ScaleId, TopicScaling};

/// Most flips that may stand at a time. Each one costs every pull a look, and goes when what it guards has expired.
const MAX_FLIPS: usize = 64;

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    /// Names the scale.
    pub id: ScaleId,
    /// Queues that the asker thinks there are: another number means that somebody was faster.
    pub from: i32,
    /// Queues that there shall be.
    pub to: i32,
}

/// What has to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: this scale is known.
    Known,
    /// Clients have to learn of the new queues first.
    Announce,
    /// The flip can be at once: no producer can put a key's message elsewhere than the others.
    Flip,
}

/// Why a scale is not begun; the text is for the person who wanted it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The topic has another number of queues than the asker thinks.
    #[error("the topic has {is} queues, not {from}: look again, somebody else may be changing it")]
    Moved {
        /// Queues that the topic has.
        is: i32,
        /// Queues that the asker thinks it has.
        from: i32,
    },
    /// A count that no topic can have.
    #[error("a topic cannot have {0} queues: from 1 to {max}", max = Begin::MAX_QUEUES)]
    Count(i32),
    /// The counts are equal.
    #[error("the topic has {0} queues already")]
    Same(i32),
    /// Keys would move between queues that both are in use.
    #[error(
        "{from} to {to} queues cannot be done in order: neither is a multiple of the other, so keys would move between queues \
         that are in use; choose {below} or {above} queues"
    )]
    NoMultiple {
        /// Queues before.
        from: i32,
        /// Queues that were wanted.
        to: i32,
        /// The next count below that can be done.
        below: i32,
        /// The next count above that can be done.
        above: i32,
    },
    /// Another scale is announced.
    #[error("scale {0} is announced and not flipped yet: wait for it, or abort it")]
    Announced(ScaleId),
    /// Too many flips stand.
    #[error(
        "the topic was scaled {0} times within its retention time: wait until the oldest messages expire"
    )]
    TooMany(usize),
}

impl Begin {
    /// Most queues that a scale may lead to.
    pub const MAX_QUEUES: i32 = 65_536;
}

impl TopicScaling {
    /// Whether a scale can be begun, of a topic whose settings say `settings` queues.
    ///
    /// # Errors
    /// Why not.
    pub fn plan(&self, begin: &Begin, settings: i32) -> Result<Plan, Refused> {
        if self.knows(&begin.id) {
            return Ok(Plan::Known);
        }
        let &Begin { from, to, .. } = begin;
        let is_keyed = self.key.is_some();
        let is = self.queues.unwrap_or(settings);
        if !(1..=Begin::MAX_QUEUES).contains(&to) {
            return Err(Refused::Count(to));
        }
        if let Some(announced) = &self.announced {
            return Err(Refused::Announced(announced.id.clone()));
        }
        if is != from {
            return Err(Refused::Moved { is, from });
        }
        if from == to {
            return Err(Refused::Same(to));
        }
        self.has_room()?;
        if !is_keyed && !is_multiple(from, to) {
            let (below, above) = neighbours(from, to);
            return Err(Refused::NoMultiple { from, to, below, above });
        }
        Ok(if is_keyed || to < from { Plan::Flip } else { Plan::Announce })
    }

    /// Whether one more flip may stand.
    ///
    /// # Errors
    /// When there are too many.
    pub fn has_room(&self) -> Result<(), Refused> {
        let count = self.flips.len();
        if count < MAX_FLIPS { Ok(()) } else { Err(Refused::TooMany(count)) }
    }
}

/// Whether one of two counts divides the other.
#[must_use]
pub fn is_multiple(from: i32, to: i32) -> bool {
    from > 0 && to > 0 && from.max(to) % from.min(to) == 0
}

/// The greatest common divisor of two counts.
#[must_use]
pub fn common_divisor(from: i32, to: i32) -> i32 {
    let (mut a, mut b) = (from.max(1), to.max(1));
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The counts next to `to`, below and above, that can be reached from `from` in order.
fn neighbours(from: i32, to: i32) -> (i32, i32) {
    let can = |count: &i32| *count != from && is_multiple(from, *count);
    let below = (1..to).rev().find(can);
    let above = (to + 1..=Begin::MAX_QUEUES).find(can);
    let either = below.or(above).unwrap_or(from);
    (below.unwrap_or(either), above.unwrap_or(either))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyProperty;
    use crate::{Event, Settle};

    fn begin(id: &str, from: i32, to: i32) -> Begin {
        Begin { id: ScaleId::new(id).unwrap(), from, to }
    }

    #[test]
    fn growth_is_announced_and_shrinking_is_not() {
        let state = TopicScaling::default();
        assert_eq!(state.plan(&begin("a", 4, 8), 4), Ok(Plan::Announce));
        assert_eq!(state.plan(&begin("a", 8, 4), 8), Ok(Plan::Flip));
        let keyed = TopicScaling::keyed(KeyProperty::new("KEYS").unwrap());
        assert_eq!(keyed.plan(&begin("a", 4, 6), 4), Ok(Plan::Flip));
    }

    #[test]
    fn what_cannot_be_done_in_order_is_refused_with_what_can() {
        let refused = TopicScaling::default().plan(&begin("a", 4, 6), 4).unwrap_err();
        assert_eq!(refused, Refused::NoMultiple { from: 4, to: 6, below: 2, above: 8 });
        assert!(refused.to_string().contains("choose 2 or 8 queues"));
        let refused = TopicScaling::default().plan(&begin("a", 12, 5), 12).unwrap_err();
        assert_eq!(refused, Refused::NoMultiple { from: 12, to: 5, below: 4, above: 6 });
    }

    #[test]
    fn one_announcement_at_a_time_and_nobody_is_overtaken() {
        let mut state = TopicScaling::default();
        assert_eq!(state.plan(&begin("a", 2, 8), 4), Err(Refused::Moved { is: 4, from: 2 }));
        assert_eq!(state.plan(&begin("a", 4, 4), 4), Err(Refused::Same(4)));
        assert_eq!(state.plan(&begin("a", 4, 0), 4), Err(Refused::Count(0)));
        let id = ScaleId::new("a").unwrap();
        state.apply(&Event::Announced { id: id.clone(), from: 4, to: 8, settle: Settle::default(), at: 0 });
        assert_eq!(state.plan(&begin("a", 4, 8), 8), Ok(Plan::Known));
        assert_eq!(state.plan(&begin("b", 4, 8), 8), Err(Refused::Announced(id)));
    }

    #[test]
    fn the_common_divisor() {
        assert_eq!(
            (common_divisor(4, 6), common_divisor(8, 4), common_divisor(7, 5), common_divisor(12, 18)),
            (2, 4, 1, 6)
        );
    }
}
