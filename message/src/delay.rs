//! Delay levels: a message with the property `DELAY=n` waits for the n-th of a list of durations.

use std::time::Duration;

/// Apache's default `messageDelayLevel`: level 1 is the first entry.
pub const DEFAULT_LEVELS: &str = "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h";

/// The durations behind the levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelayLevels(Vec<Duration>);

/// Why a list of delay levels was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("delay level {0:?} is not a number followed by s, m, h or d")]
pub struct BadLevel(String);

impl DelayLevels {
    /// Parses `1s 5s 10m 2h 1d`, blank separated.
    ///
    /// # Errors
    /// Names the first entry that is not a positive number with one of the units s, m, h, d.
    pub fn parse(text: &str) -> Result<Self, BadLevel> {
        let level = |entry: &str| {
            let bad = || BadLevel(entry.to_owned());
            let unit = match entry.chars().last() {
                Some('s') => 1,
                Some('m') => 60,
                Some('h') => 3_600,
                Some('d') => 86_400,
                _ => return Err(bad()),
            };
            let number: u32 = entry.get(..entry.len() - 1).and_then(|n| n.parse().ok()).ok_or_else(bad)?;
            Ok(Duration::from_secs(u64::from(number) * unit))
        };
        text.split_whitespace().map(level).collect::<Result<_, _>>().map(Self)
    }

    /// The highest level; 0 when there is none.
    #[must_use]
    pub fn highest(&self) -> i32 {
        i32::try_from(self.0.len()).unwrap_or(i32::MAX)
    }

    /// The delay of `level`, clamped to the highest; `None` for levels below 1.
    #[must_use]
    pub fn delay(&self, level: i32) -> Option<Duration> {
        let index = usize::try_from(level.min(self.highest()).checked_sub(1)?).ok()?;
        self.0.get(index).copied()
    }
}

impl Default for DelayLevels {
    fn default() -> Self {
        Self::parse(DEFAULT_LEVELS).expect("the default list is well formed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_count_from_one_and_clamp_at_the_last() {
        let levels = DelayLevels::default();
        assert_eq!(levels.highest(), 18);
        assert_eq!(levels.delay(0), None);
        assert_eq!(levels.delay(-1), None);
        assert_eq!(levels.delay(i32::MIN), None);
        assert_eq!(levels.delay(3), Some(Duration::from_secs(10)));
        assert_eq!(levels.delay(99), Some(Duration::from_secs(7_200)));
    }

    #[test]
    fn a_bad_level_is_named() {
        assert_eq!(DelayLevels::parse("1s 5x"), Err(BadLevel("5x".into())));
        assert_eq!(DelayLevels::parse("1s 毫"), Err(BadLevel("毫".into())));
    }
}
