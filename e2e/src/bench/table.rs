//! The table, in Markdown.

use std::fmt::Write as _;

use super::Contestant;
use super::lines::{self, Bar, Goal, Line};
use super::samples::{Samples, Spread};

/// Lines that nothing was measured for are left out. What was only tried is not judged: it was shorter, or less of something, than its
/// goal says.
pub(super) fn markdown(samples: &Samples, is_judged: bool) -> String {
    let mut text = String::from(
        "| What | Gantry | Apache | Apache tuned | bound | ratio to the better Apache | share of the bound | must | aim |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for line in lines::ALL {
        if samples.of(line, Contestant::Gantry).is_empty() {
            continue;
        }
        let _ = write!(text, "| {} |", unit(line));
        for contestant in Contestant::ALL {
            let _ = write!(text, " {} |", figure(samples.spread(line, contestant)));
        }
        let to_bound = samples.to_bound(line).filter(|_| line.has_bound());
        let _ = write!(text, " {} | {} |", ratio(samples.to_apache(line)), ratio(to_bound));
        for goal in [line.must, line.aim] {
            let told = told(goal, line.unit);
            let verdict = if is_judged { verdict(samples.holds(line, goal)) } else { "" };
            let _ = write!(text, " {} |", format!("{told} {verdict}").trim_end());
        }
        text.push('\n');
    }
    text
}

fn unit(line: &Line) -> String {
    if line.unit.is_empty() { line.what.into() } else { format!("{} ({})", line.what, line.unit) }
}

fn verdict(holds: Option<bool>) -> &'static str {
    match holds {
        Some(true) => "holds",
        Some(false) => "**missed**",
        None => "not judged",
    }
}

fn told(goal: Goal, unit: &str) -> String {
    let (bars, between) = match goal {
        Goal::All(bars) => (bars, " and "),
        Goal::Any(bars) => (bars, " or "),
    };
    bars.iter().map(|bar| told_bar(*bar, unit)).collect::<Vec<_>>().join(between)
}

fn told_bar(bar: Bar, unit: &str) -> String {
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    match bar {
        Bar::RatioAtMost(most) => format!("≤ {most}x"),
        Bar::RatioAtLeast(least) => format!("≥ {least}x"),
        Bar::ShareAtLeast(least) => format!("≥ {:.0} % of the bound", least * 100.0),
        Bar::AtMost(most) => format!("≤ {most}{unit}"),
        Bar::AtLeast(least) => format!("≥ {least}{unit}"),
    }
}

fn figure(spread: Option<Spread>) -> String {
    spread.map_or_else(|| "–".into(), |spread| number(spread.median))
}

fn ratio(spread: Option<Spread>) -> String {
    spread.map_or_else(
        || "–".into(),
        |spread| format!("{} ({}–{})", number(spread.median), number(spread.least), number(spread.most)),
    )
}

/// Three digits that count, and no more.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if size >= 100_000.0 => grouped(value),
        _ if size >= 100.0 => format!("{value:.0}"),
        _ if size >= 10.0 => format!("{value:.1}"),
        _ if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// `1234567` as `1,234,567`.
fn grouped(value: f64) -> String {
    let (sign, mut rest) = (if value < 0.0 { "-" } else { "" }, value.abs().round() as u64);
    let mut groups = Vec::new();
    while rest >= 1_000 {
        groups.push(format!(",{:03}", rest % 1_000));
        rest /= 1_000;
    }
    groups.reverse();
    format!("{sign}{rest}{}", groups.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_measured_and_what_holds() {
        let mut samples = Samples::default();
        for (round, (gantry, apache)) in [(2.0, 10.0), (3.0, 10.0), (3.5, 10.0)].into_iter().enumerate() {
            samples.add(&lines::CPU_SEND_128, Contestant::Gantry, round as u32, gantry);
            samples.add(&lines::CPU_SEND_128, Contestant::Apache, round as u32, apache);
        }
        let text = markdown(&samples, true);
        assert_eq!(text.lines().count(), 3);
        assert!(!markdown(&samples, false).contains("holds"), "what was tried is not judged");
        assert_eq!(
            text.lines().last().unwrap_or_default(),
            "| broker CPU per million sends, 128 B (s) | 3.00 | 10.0 | – | – | 0.300 (0.200–0.350) | – | ≤ 0.35x holds | ≤ 0.15x **missed** |"
        );
    }

    #[test]
    fn numbers_have_three_digits_that_count() {
        let told = [0.1234, 1.234, 12.34, 123.4, 12_345.6, 123_045.6, 1_851_160.0].map(number);
        assert_eq!(told, ["0.123", "1.23", "12.3", "123", "12346", "123,046", "1,851,160"]);
    }
}
