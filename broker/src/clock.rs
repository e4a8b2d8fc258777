//! Time: that of day, which people and other machines go by and somebody may set, and how long something has waited, which goes
//! on evenly whatever is done to the other.

pub(crate) use gantry_store::clock::{Jumps, local, ms, now, now_ms};

use std::time::{Duration, Instant};

/// Both, of one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Milliseconds since the epoch.
    pub(crate) wall: i64,
    pub(crate) steady: Instant,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self { wall: now_ms(), steady: Instant::now() }
    }

    /// By how many milliseconds the wall clock has been set back between another moment and this one; below 0, it was set forward.
    pub(crate) fn set_back_since(self, other: Self) -> i64 {
        other.wall.saturating_add(since(self.steady, other.steady)).saturating_sub(self.wall)
    }
}

/// When something is to happen: at a time of day, and of what waits for a length of time, when that has passed. A clock that is
/// set back makes nothing wait for longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// Milliseconds since the epoch.
    pub(crate) at: i64,
    pub(crate) latest: Option<Instant>,
}

impl Due {
    /// At a time of day (milliseconds since the epoch), and no sooner.
    pub(crate) const fn at(at: i64) -> Self {
        Self { at, latest: None }
    }

    /// So many milliseconds from `now`.
    pub(crate) fn after(now: Moment, ms: i64) -> Self {
        let latest = now.steady.checked_add(Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
        Self { at: now.wall.saturating_add(ms), latest }
    }

    /// At a time of day that somebody found out from how long it waits, `longest` milliseconds: no later than that from `now`.
    pub(crate) fn within(now: Moment, at: i64, longest: i64) -> Self {
        Self::after(now, at.saturating_sub(now.wall).min(longest))
    }

    /// The moment that it names by both clocks, if it does.
    pub(crate) fn moment(self) -> Option<Moment> {
        Some(Moment { wall: self.at, steady: self.latest? })
    }

    /// The same, at the time of day that it is at `now`, whatever was done to that clock before.
    pub(crate) fn by_the_clock_of(self, now: Moment) -> Self {
        match self.latest {
            Some(latest) => {
                Self { at: self.at.min(now.wall.saturating_add(since(latest, now.steady))), ..self }
            }
            None => self,
        }
    }

    pub(crate) fn has_come(self, now: Moment) -> bool {
        self.at <= now.wall || self.latest.is_some_and(|latest| latest <= now.steady)
    }
}

/// Milliseconds from `earlier` to `later`.
fn since(later: Instant, earlier: Instant) -> i64 {
    let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    ms(later.saturating_duration_since(earlier)) - ms(earlier.saturating_duration_since(later))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_makes_nothing_wait_for_longer() {
        let now = Moment { wall: 1_000_000, steady: Instant::now() };
        let after = |wall, ms| Moment { wall, steady: now.steady + Duration::from_millis(ms) };
        let due = Due::after(now, 500);
        assert!(!due.has_come(after(1_000_499, 499)) && due.has_come(after(1_000_500, 500)));
        assert!(!due.has_come(after(400_000, 499)) && due.has_come(after(400_000, 500)), "set back");
        assert!(!Due::at(1_000_500).has_come(after(400_000, 500)), "the user named that time");
        let found = Due::within(now, 9_000_000, 500);
        assert!(!found.has_come(after(1_000_499, 499)) && found.has_come(after(1_000_500, 500)));
        assert!(Due::within(now, 999_000, 500).has_come(now));
    }
}
