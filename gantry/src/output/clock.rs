//! Times: milliseconds since the epoch to text and back.

use std::sync::OnceLock;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

const LOCAL: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:3]");
const TYPED: &[BorrowedFormatItem<'_>] = format_description!(
    version = 2,
    "[year]-[month]-[day][first [ ] [T]][hour]:[minute][optional [:[second][optional [.[subsecond]]]]]"
);

static OFFSET: OnceLock<UtcOffset> = OnceLock::new();

/// Finds out the local time zone. Must come before the first thread is started; UTC where it cannot be told.
pub(crate) fn init() {
    let _ = OFFSET.set(UtcOffset::current_local_offset().unwrap_or(UtcOffset::UTC));
}

fn offset() -> UtcOffset {
    OFFSET.get().copied().unwrap_or(UtcOffset::UTC)
}

fn at(millis: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Local time, for people.
pub(crate) fn local(millis: i64) -> String {
    at(millis).to_offset(offset()).format(LOCAL).unwrap_or_else(|_| millis.to_string())
}

/// RFC 3339 in UTC, for programs.
pub(crate) fn rfc3339(millis: i64) -> String {
    at(millis).format(&Rfc3339).unwrap_or_else(|_| millis.to_string())
}

/// Reads a point in time: RFC 3339, `2025-11-21 06:30[:00[.5]]` in local time, `10m` (ago), or milliseconds since the
/// epoch.
pub(crate) fn parse(text: &str, now: i64) -> Option<i64> {
    let text = text.trim();
    if text.len() >= 11
        && let Ok(millis) = text.parse()
    {
        return Some(millis);
    }
    if let Ok(ago) = crate::cli::duration::parse(text)
        && !text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    {
        return Some(now.saturating_sub(i64::try_from(ago.as_millis()).ok()?));
    }
    let parsed = OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| PrimitiveDateTime::parse(text, TYPED).map(|typed| typed.assume_offset(offset())))
        .ok()?;
    i64::try_from(parsed.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_for_people_and_programs() {
        assert_eq!(local(1_700_000_000_123), "2023-11-14 22:13:20.123");
        assert_eq!(rfc3339(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(local(i64::MAX), "1970-01-01 00:00:00.000", "nonsense does not panic");
    }

    #[test]
    fn times_are_read_in_the_forms_people_write() {
        let now = 1_700_000_000_000;
        assert_eq!(parse("2023-11-14T22:13:20.123Z", now), Some(1_700_000_000_123));
        assert_eq!(parse("2023-11-14T23:13:20+01:00", now), Some(now));
        assert_eq!(parse("2023-11-14 22:13:20", now), Some(now));
        assert_eq!(parse("2023-11-14 22:13", now), Some(now - 20_000));
        assert_eq!(parse("2023-11-14T22:13:20.5", now), Some(now + 500));
        assert_eq!(parse("10m", now), Some(now - 600_000));
        assert_eq!(parse("1700000000123", now), Some(1_700_000_000_123));
        for text in ["", "yesterday", "10", "2023-13-01 00:00", "2023-11-14"] {
            assert_eq!(parse(text, now), None, "{text}");
        }
    }
}
