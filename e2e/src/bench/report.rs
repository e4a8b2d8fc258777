//! What is left of a session: a page, plots, and the figures as they were measured.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::Contestant;
use super::curve::Curves;
use super::lines::Line;
use super::samples::Samples;
use super::{lines, machine, overview, plot, table};

/// What a session came to so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) samples: Samples,
    pub(super) curves: Curves,
    /// Shorter and smaller than goals say: tried, not measured.
    pub(super) is_quick: bool,
    /// What was done to the build before it was measured.
    pub(super) gate: Vec<String>,
    /// How it was measured: rates, rounds, times.
    pub(super) settings: Vec<String>,
    /// Load averages, and errors that were counted.
    pub(super) notes: Vec<String>,
}

impl Findings {
    /// Tells a figure, and keeps it.
    pub(super) fn add(&mut self, line: &Line, contestant: Contestant, round: u32, figure: f64) {
        let what = format!("{contestant}: {}", line.what);
        eprintln!("    {what:<64} {} {}", table::number(figure), line.unit);
        self.samples.add(line, contestant, round, figure);
    }
}

pub(super) fn write(findings: &Findings, folder: &Path) -> Result<()> {
    let mut plots = draw_samples(&findings.samples, folder)?;
    for what in findings.curves.names() {
        let name = format!("latency-{}.svg", file_name(what));
        let title = format!("{what}: latency by percentile");
        put(folder, &name, &plot::curves(&title, &findings.curves.of(what)))?;
        let _ = writeln!(plots, "![{title}]({name})");
    }
    put(folder, "report.md", &page(findings, &plots))?;
    put(folder, "figures.json", &serde_json::to_string_pretty(&findings.samples.json())?)
}

/// Draws what was measured before, all but the curves of latency, and gives the table.
///
/// # Errors
/// When `figures` are not those of a bench, or `folder` cannot be written.
pub fn draw(figures: &Path, folder: &Path) -> Result<String> {
    let text = fs::read_to_string(figures).with_context(|| format!("reading {}", figures.display()))?;
    let samples = Samples::from_json(&text).with_context(|| format!("in {}", figures.display()))?;
    draw_samples(&samples, folder)?;
    Ok(table::markdown(&samples, true))
}

/// Gives the plots as they stand in a page.
fn draw_samples(samples: &Samples, folder: &Path) -> Result<String> {
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    put(folder, "overview.svg", &overview::overview(samples))?;
    let mut plots = "![How many times better than Apache's broker](overview.svg)\n".to_owned();
    for line in lines::ALL.iter().filter(|line| !samples.of(line, Contestant::Gantry).is_empty()) {
        let name = format!("{}.svg", line.id.to_lowercase());
        put(folder, &name, &plot::bars(line, samples))?;
        let _ = writeln!(plots, "![{}]({name})", line.what);
    }
    Ok(plots)
}

fn put(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
}

/// Without what links and shells take for something else.
fn file_name(what: &str) -> String {
    let words = what.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

fn page(findings: &Findings, plots: &str) -> String {
    let quick = if findings.is_quick {
        "**Quick: shorter, and with less of everything, than the goals say. To be tried with, not to be quoted.**\n\n"
    } else {
        ""
    };
    let list = |lines: &[String]| lines.iter().fold(String::new(), |text, line| text + "* " + line + "\n");
    format!(
        "# Gantry and Apache's broker, side by side\n\n{quick}{}\nRatios are those of rounds, each Gantry's figure by that of the better of \
         Apache's two; given are their median and their least and most.\n\n## Machine and versions\n\n{}\n## How\n\n{}\n\
         ## Crash check of this build\n\n{}\n## Beside it\n\n{}\n## Plots\n\n{plots}",
        table::markdown(&findings.samples, !findings.is_quick),
        list(&machine::facts()),
        list(&findings.settings),
        list(&findings.gate),
        list(&findings.notes),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_plain() {
        assert_eq!(
            file_name("half of Apache's maximum, ASYNC_FLUSH"),
            "half-of-apache-s-maximum-async-flush"
        );
    }
}
