//! Numbers for people.

use std::time::Duration;

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `n` of something: `1 message`, `2 messages`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// Bytes in the unit that leaves up to three digits before the point.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        // What would be shown as 1024 is one of the larger unit.
        if value < 1023.95 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    format!("{value:.1} {unit}")
}

/// How many a second, whole from ten on.
pub(crate) fn rate(count: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    if seconds <= 0.0 {
        return "0".into();
    }
    let rate = count as f64 / seconds;
    if rate < 9.95 { format!("{rate:.1}") } else { grouped(rate.round() as u64) }
}

/// A time span as a person would say it: `0.24 s`, `12.3 s`, `4 min 5 s`.
pub(crate) fn span(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    match seconds {
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 60.0 => format!("{s:.1} s"),
        _ => format!("{} min {} s", elapsed.as_secs() / 60, elapsed.as_secs() % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [grouped(0), grouped(999), grouped(1_000), grouped(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!([counted(1, "message"), counted(2, "message")], ["1 message", "2 messages"]);
        assert_eq!(
            [bytes(0), bytes(1023), bytes(1024), bytes(1024 * 1024 - 1)],
            ["0 B", "1023 B", "1.0 KiB", "1.0 MiB"]
        );
        assert_eq!(bytes(u64::MAX), "16384.0 PiB");
        assert_eq!(rate(5, Duration::from_secs(2)), "2.5");
        assert_eq!(rate(50_000, Duration::from_millis(500)), "100,000");
        assert_eq!(rate(5, Duration::ZERO), "0");
        assert_eq!(span(Duration::from_millis(240)), "0.24 s");
        assert_eq!(span(Duration::from_secs(245)), "4 min 5 s");
    }
}
