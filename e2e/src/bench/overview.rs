//! All of it at a look: how many times better than Apache's broker.

use std::fmt::Write as _;

use super::Contestant;
use super::lines::{self, Good, Line};
use super::plot::document;
use super::samples::{Samples, Spread};
use super::table::number;

const LABELS: f64 = 372.0;
const WIDTH: f64 = 300.0;
const TOP: f64 = 56.0;
const ROW: f64 = 24.0;
const BAR: f64 = 14.0;

/// A bar for each line that both have a figure in, by powers of ten: longer is better for Gantry, to the left of 1 Apache is.
pub(super) fn overview(samples: &Samples) -> String {
    let factors: Vec<_> = lines::ALL.iter().filter_map(|line| Some((line, factor(line, samples)?))).collect();
    let low = factors.iter().map(|(_, factor)| factor.least).fold(1.0, f64::min).log10().floor();
    let high = factors.iter().map(|(_, factor)| factor.most).fold(10.0, f64::max).log10().ceil();
    let x = |value: f64| LABELS + (value.log10() - low) / (high - low) * WIDTH;
    let bottom = TOP + factors.len() as f64 * ROW;
    let mut drawn = String::new();
    for power in low as i32..=high as i32 {
        let value = 10_f64.powi(power);
        let color = if power == 0 { "black" } else { "#ddd" };
        let _ = writeln!(
            drawn,
            r#"<path d="M{0:.1} {1:.0}V{bottom:.0}" stroke="{color}"/><text x="{0:.1}" y="{2:.0}" text-anchor="middle">{value}x</text>"#,
            x(value),
            TOP - 4.0,
            TOP - 8.0,
        );
    }
    for (row, (line, factor)) in factors.iter().enumerate() {
        let middle = TOP + (row as f64 + 0.5) * ROW;
        let (one, median) = (x(1.0), x(factor.median));
        let _ = writeln!(
            drawn,
            r#"<text x="{0:.0}" y="{1:.0}" text-anchor="end">{2}</text><rect x="{3:.1}" y="{4:.0}" width="{5:.1}" height="{BAR}" fill="{10}"/><path d="M{6:.1} {middle:.0}H{7:.1}" stroke="black"/><text x="{8:.1}" y="{1:.0}">{9}x</text>"#,
            LABELS - 8.0,
            middle + 5.0,
            line.what,
            one.min(median),
            middle - BAR / 2.0,
            (median - one).abs(),
            x(factor.least),
            x(factor.most),
            x(factor.most).max(one) + 6.0,
            number(factor.median),
            Contestant::Gantry.color(),
        );
    }
    document("How many times better than Apache's broker", bottom + ROW, &drawn)
}

/// By how much Gantry is better than the better of Apache's brokers, round by round.
fn factor(line: &Line, samples: &Samples) -> Option<Spread> {
    let ratio = samples.to_apache(line).filter(|ratio| ratio.least > 0.0)?;
    Some(match line.good {
        Good::High => ratio,
        Good::Low => Spread { median: 1.0 / ratio.median, least: 1.0 / ratio.most, most: 1.0 / ratio.least },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_is_told_as_so_many_times_better_where_less_is_good() {
        let mut samples = Samples::default();
        for (round, gantry) in [10.0, 20.0, 25.0].into_iter().enumerate() {
            samples.add(&lines::CPU_PULL, Contestant::Gantry, round as u32, gantry);
            samples.add(&lines::CPU_PULL, Contestant::Apache, round as u32, 100.0);
        }
        assert_eq!(factor(&lines::CPU_PULL, &samples), Some(Spread { median: 5.0, least: 4.0, most: 10.0 }));
        assert_eq!(factor(&lines::NATIVE, &samples), None);
        let svg = overview(&samples);
        assert!(svg.contains("5.00x") && svg.contains(lines::CPU_PULL.what), "{svg}");
    }

    #[test]
    fn where_apache_is_better_the_bar_goes_to_the_left() {
        let mut samples = Samples::default();
        samples.add(&lines::NATIVE, Contestant::Gantry, 0, 1.0);
        samples.add(&lines::NATIVE, Contestant::Apache, 0, 2.0);
        let svg = overview(&samples);
        let one = LABELS + WIDTH / 2.0;
        assert!(svg.contains(&format!(r#"x="{:.1}""#, one + 0.5_f64.log10() * WIDTH / 2.0)), "{svg}");
    }
}
