//! The wall clock. Everything of the store and the broker that asks for the time of day asks here.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time of day, which somebody may set.
#[must_use]
pub fn now() -> SystemTime {
    moved(SystemTime::now())
}

/// Milliseconds since the epoch; 0 before it.
#[must_use]
pub fn now_ms() -> i64 {
    ms(now())
}

/// The same of any time.
#[must_use]
pub fn ms(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The time of day where the machine is.
#[must_use]
pub fn local() -> time::OffsetDateTime {
    let here = time::UtcOffset::current_local_offset().unwrap_or(time::UtcOffset::UTC);
    time::OffsetDateTime::from(now()).to_offset(here)
}

/// Farther than this the wall clock does not go by itself between two looks at it.
const SET: Duration = Duration::from_secs(3600);

/// Sees that somebody set the wall clock, so that nothing is taken for old that is not.
#[derive(Debug, Default)]
pub struct Jumps {
    last: Option<(SystemTime, Instant)>,
    set_at: Option<SystemTime>,
}

impl Jumps {
    /// Looks at both clocks. What is left to trust of the time of day: it goes by itself since the moment that is given, if it
    /// was ever set.
    pub fn look(&mut self, wall: SystemTime, steady: Instant) -> Option<SystemTime> {
        let expected = self.last.and_then(|(wall, then)| wall.checked_add(steady - then));
        self.last = Some((wall, steady));
        if let Some(expected) = expected {
            let (hours, direction) = match wall.duration_since(expected) {
                Ok(by) => (by, "forward"),
                Err(error) => (error.duration(), "back"),
            };
            if hours > SET {
                let hours = hours.as_secs_f64() / 3600.0;
                tracing::warn!(
                    "the wall clock was set {direction} by {hours:.1} h: what was stored before counts as stored now, so that nothing is deleted for it"
                );
                self.set_at = Some(wall);
            }
        }
        self.set_at
    }
}

/// Moved by a test: `GANTRY_CLOCK_FILE` names a file with the milliseconds by which the wall clock is ahead, to be replaced as a whole.
#[cfg(feature = "faults")]
fn moved(now: SystemTime) -> SystemTime {
    use parking_lot::Mutex;
    use std::path::PathBuf;
    use std::sync::OnceLock;
    /// A look at a file at each call would be what is measured.
    const LOOK_EVERY: Duration = Duration::from_millis(5);
    struct Hook {
        path: PathBuf,
        seen: Mutex<(Option<Instant>, i64)>,
    }
    static HOOK: OnceLock<Option<Hook>> = OnceLock::new();
    let hook = HOOK.get_or_init(|| {
        let path = std::env::var_os("GANTRY_CLOCK_FILE")?.into();
        Some(Hook { path, seen: Mutex::default() })
    });
    let Some(hook) = hook else { return now };
    let mut seen = hook.seen.lock();
    if seen.0.is_none_or(|at| at.elapsed() > LOOK_EVERY) {
        let text = std::fs::read_to_string(&hook.path).unwrap_or_default();
        *seen = (Some(Instant::now()), text.trim().parse().unwrap_or(seen.1));
    }
    let by = Duration::from_millis(seen.1.unsigned_abs());
    if seen.1 < 0 { now.checked_sub(by) } else { now.checked_add(by) }.unwrap_or(now)
}

#[cfg(not(feature = "faults"))]
#[inline(always)]
const fn moved(now: SystemTime) -> SystemTime {
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_seen() {
        let (wall, steady) = (SystemTime::now(), Instant::now());
        let hours = |n: u64| Duration::from_secs(n * 3600);
        let mut jumps = Jumps::default();
        assert_eq!(jumps.look(wall, steady), None);
        assert_eq!(jumps.look(wall + hours(5), steady + hours(5)), None, "it went by itself");
        let set = wall + hours(5 + 72);
        assert_eq!(jumps.look(set, steady + hours(5)), Some(set), "forward");
        assert_eq!(jumps.look(set + hours(1), steady + hours(6)), Some(set));
        assert_eq!(jumps.look(wall, steady + hours(6)), Some(wall), "back");
        let slewed = wall + Duration::from_secs(10 + 59);
        assert_eq!(jumps.look(slewed, steady + hours(6) + Duration::from_secs(10)), Some(wall), "a little");
    }
}
