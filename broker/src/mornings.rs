//! What the broker had counted at the last two midnights, from which the tools tell what came today and what came yesterday
//! (Apache: `BrokerStats`). Like the counts themselves it is forgotten by a restart.

use crate::clock;
use parking_lot::Mutex;

/// Messages since the start of the broker.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    pub(crate) put: u64,
    pub(crate) got: u64,
}

/// Totals at the beginning of yesterday and of today.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Mornings {
    pub(crate) yesterday: Totals,
    pub(crate) today: Totals,
}

/// Notices when a day is over.
#[derive(Debug, Default)]
pub(crate) struct Calendar(Mutex<Option<(i32, Mornings)>>);

impl Calendar {
    /// Called several times a minute, with a number for each day of the place where the broker is.
    pub(crate) fn look(&self, day: i32, now: Totals) {
        let mut state = self.0.lock();
        let Some((known, mornings)) = state.as_mut() else {
            *state = Some((day, Mornings::default()));
            return;
        };
        if day > *known {
            // Nobody was there to look while the machine slept for days: nothing came yesterday.
            let yesterday = if day == *known + 1 { mornings.today } else { now };
            *mornings = Mornings { yesterday, today: now };
            *known = day;
        }
    }

    pub(crate) fn mornings(&self) -> Mornings {
        self.0.lock().map_or_else(Mornings::default, |(_, mornings)| mornings)
    }
}

/// The day it is here: days of the Julian calendar, so that the next day is one more.
pub(crate) fn local_day() -> i32 {
    clock::local().to_julian_day()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn totals(put: u64, got: u64) -> Totals {
        Totals { put, got }
    }

    #[test]
    fn the_day_of_the_start_has_no_morning() {
        let calendar = Calendar::default();
        assert_eq!(calendar.mornings(), Mornings::default());
        calendar.look(7, totals(3, 2));
        calendar.look(7, totals(30, 20));
        assert_eq!(calendar.mornings(), Mornings::default());
    }

    #[test]
    fn today_becomes_yesterday() {
        let calendar = Calendar::default();
        calendar.look(7, totals(3, 2));
        calendar.look(8, totals(30, 20));
        calendar.look(8, totals(31, 21));
        assert_eq!(calendar.mornings(), Mornings { yesterday: Totals::default(), today: totals(30, 20) });
        calendar.look(9, totals(300, 200));
        assert_eq!(calendar.mornings(), Mornings { yesterday: totals(30, 20), today: totals(300, 200) });
    }

    #[test]
    fn nothing_came_yesterday_when_nobody_was_there() {
        let calendar = Calendar::default();
        calendar.look(7, totals(3, 2));
        calendar.look(12, totals(30, 20));
        assert_eq!(calendar.mornings(), Mornings { yesterday: totals(30, 20), today: totals(30, 20) });
    }

    #[test]
    fn a_clock_set_back_is_no_new_day() {
        let calendar = Calendar::default();
        calendar.look(7, totals(3, 2));
        calendar.look(8, totals(30, 20));
        calendar.look(7, totals(40, 30));
        calendar.look(8, totals(50, 40));
        assert_eq!(calendar.mornings().today, totals(30, 20));
    }
}
