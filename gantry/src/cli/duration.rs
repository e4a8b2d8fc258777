//! Time spans as people write them.

use std::time::Duration;

/// Reads `500ms`, `3s`, `2.5s`, `10m`, `1h`, `1d`; a bare number is seconds.
///
/// # Errors
/// Says which forms there are.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit.trim() {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return Err(forms()),
    };
    let number: f64 = number.parse().map_err(|_| forms())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| forms())
}

/// As [`parse`], but not zero.
///
/// # Errors
/// Zero, or no time span at all.
pub(crate) fn parse_positive(text: &str) -> Result<Duration, String> {
    parse(text)?
        .checked_sub(Duration::from_millis(1))
        .map_or_else(|| Err("it must be at least 1ms".into()), |less| Ok(less + Duration::from_millis(1)))
}

fn forms() -> String {
    "write a time span like 500ms, 3s, 10m or 1h".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("3"), Ok(Duration::from_secs(3)));
        assert_eq!(parse("2.5s"), Ok(Duration::from_millis(2_500)));
        assert_eq!(parse("1h"), Ok(Duration::from_secs(3_600)));
        for text in ["", "s", "1x", "-1s", "1..2s", "99999999999999999999d"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse_positive("0s").is_err());
        assert_eq!(parse_positive("1ms"), Ok(Duration::from_millis(1)));
    }
}
