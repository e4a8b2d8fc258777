//! Plots, written as SVG: bars with their spread, and curves of latency.

use std::fmt::Write as _;

use super::Contestant;
use super::curve::PERCENTILES;
use super::lines::Line;
use super::samples::Samples;
use super::table::number;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 120.0;
const RIGHT: f64 = 90.0;
const TOP: f64 = 44.0;
const BAR: f64 = 26.0;
const GAP: f64 = 10.0;

/// A bar for each contestant's median, and a line from its least to its most.
pub(super) fn bars(line: &Line, samples: &Samples) -> String {
    let shown: Vec<_> = Contestant::ALL
        .into_iter()
        .filter_map(|contestant| Some((contestant, samples.spread(line, contestant)?)))
        .collect();
    let most = shown.iter().map(|(_, spread)| spread.most).fold(f64::MIN_POSITIVE, f64::max);
    let x = |value: f64| LEFT + (value.max(0.0) / most) * (WIDTH - LEFT - RIGHT);
    let mut drawn = String::new();
    for (index, (contestant, spread)) in shown.iter().enumerate() {
        let y = TOP + index as f64 * (BAR + GAP);
        let middle = y + BAR / 2.0;
        let _ = write!(
            drawn,
            r#"<text x="{:.0}" y="{:.0}" text-anchor="end">{contestant}</text><rect x="{LEFT}" y="{y:.0}" width="{:.1}" height="{BAR}" fill="{}"/>"#,
            LEFT - 8.0,
            middle + 5.0,
            x(spread.median) - LEFT,
            contestant.color(),
        );
        let _ = writeln!(
            drawn,
            r#"<path d="M{:.1} {middle:.1}H{:.1}" stroke="black"/><text x="{:.1}" y="{:.0}">{}</text>"#,
            x(spread.least),
            x(spread.most),
            x(spread.most) + 6.0,
            middle + 5.0,
            number(spread.median),
        );
    }
    let height = TOP + shown.len() as f64 * (BAR + GAP) + GAP;
    let better = match line.good {
        super::lines::Good::Low => "less is better",
        super::lines::Good::High => "more is better",
    };
    let unit = if line.unit.is_empty() { better.to_owned() } else { format!("{}, {better}", line.unit) };
    document(&format!("{} ({unit})", line.what), height, &drawn)
}

/// Latency by percentile, both axes by powers of ten.
pub(super) fn curves(title: &str, all: &[(Contestant, Vec<f64>)]) -> String {
    const HEIGHT: f64 = 420.0;
    const BOTTOM: f64 = 60.0;
    let values = || all.iter().flat_map(|(_, values)| values.iter().copied()).map(|value| value.max(1.0));
    let low = values().fold(f64::INFINITY, f64::min).log10().floor();
    let high = values().fold(1.0, f64::max).log10().ceil().max(low + 1.0);
    let y = |value: f64| {
        HEIGHT - BOTTOM - (value.max(1.0).log10() - low) / (high - low) * (HEIGHT - BOTTOM - TOP)
    };
    let step = (WIDTH - LEFT - RIGHT) / (PERCENTILES.len() - 1) as f64;
    let x = |index: usize| LEFT + step * index as f64;
    let mut drawn = String::new();
    for power in low as i32..=high as i32 {
        let at = y(10_f64.powi(power));
        let _ = writeln!(
            drawn,
            r##"<path d="M{LEFT} {at:.1}H{:.0}" stroke="#ddd"/><text x="{:.0}" y="{:.1}" text-anchor="end">{}</text>"##,
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 5.0,
            microseconds(10_f64.powi(power)),
        );
    }
    for (index, percentile) in PERCENTILES.iter().enumerate() {
        let _ = writeln!(
            drawn,
            r#"<text x="{:.1}" y="{:.0}" text-anchor="middle">{percentile}</text>"#,
            x(index),
            HEIGHT - BOTTOM + 22.0
        );
    }
    for (index, (contestant, values)) in all.iter().enumerate() {
        let points: String = values.iter().enumerate().fold(String::new(), |points, (index, value)| {
            points + &format!("{:.1},{:.1} ", x(index), y(*value))
        });
        let _ = writeln!(
            drawn,
            r#"<polyline points="{points}" fill="none" stroke="{0}" stroke-width="2"/><text x="{1:.0}" y="{2:.0}" fill="{0}">{contestant}</text>"#,
            contestant.color(),
            LEFT + 150.0 * index as f64,
            HEIGHT - 12.0,
        );
    }
    document(title, HEIGHT, &drawn)
}

fn microseconds(value: f64) -> String {
    match value {
        _ if value >= 1e6 => format!("{} s", value / 1e6),
        _ if value >= 1e3 => format!("{} ms", value / 1e3),
        _ => format!("{value} µs"),
    }
}

pub(super) fn document(title: &str, height: f64, drawn: &str) -> String {
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="white"/>
<text x="16" y="24" font-size="15" font-weight="bold">{title}</text>
{drawn}</svg>
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::lines;

    #[test]
    fn the_longest_bar_is_the_widest_and_stays_inside() {
        let mut samples = Samples::default();
        samples.add(&lines::NATIVE, Contestant::Gantry, 0, 400.0);
        samples.add(&lines::NATIVE, Contestant::Apache, 0, 100.0);
        let svg = bars(&lines::NATIVE, &samples);
        assert!(svg.contains(r#"width="550.0""#) && svg.contains(r#"width="137.5""#), "{svg}");
        assert!(svg.contains("more is better"));
    }

    #[test]
    fn a_curve_has_a_point_for_each_percentile() {
        let svg = curves("a < b", &[(Contestant::Gantry, vec![50.0; PERCENTILES.len()])]);
        let points =
            svg.split("points=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        assert_eq!(points.split_whitespace().count(), PERCENTILES.len());
        assert!(svg.contains("a &lt; b") && svg.contains("10 µs"));
    }
}
