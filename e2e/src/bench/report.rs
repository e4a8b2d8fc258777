//! What is left of a session: a page, plots, and the figures as they were measured.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::curve::Curves;
use super::samples::Samples;
use super::{lines, machine, plot, table};

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

pub(super) fn write(findings: &Findings, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    };
    let mut plots = String::new();
    for line in
        lines::ALL.iter().filter(|line| !findings.samples.of(line, super::Contestant::Gantry).is_empty())
    {
        let name = format!("{}.svg", line.id.to_lowercase());
        put(&name, &plot::bars(line, &findings.samples))?;
        let _ = writeln!(plots, "![{}]({name})", line.what);
    }
    for what in findings.curves.names() {
        let name = format!("latency-{}.svg", file_name(what));
        let title = format!("{what}: latency by percentile");
        put(&name, &plot::curves(&title, &findings.curves.of(what)))?;
        let _ = writeln!(plots, "![{title}]({name})");
    }
    put("report.md", &page(findings, &plots))?;
    put("figures.json", &serde_json::to_string_pretty(&findings.samples.json())?)
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
