//! What a broker tells, taken apart.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

/// Labels that only say who tells.
const WHO: [&str; 2] = ["otel_scope_name", "otel_scope_version"];

/// Values by labels, each in one line.
pub(crate) type Values = BTreeMap<String, String>;

/// Values by name. Of a histogram the name is that of the whole.
pub(crate) struct Scraped(BTreeMap<String, Values>);

impl Scraped {
    /// Of the text format of Prometheus or OpenMetrics; of names that begin with `prefix`.
    pub(crate) fn read(text: &str, prefix: &str) -> Result<Self> {
        let mut all = BTreeMap::<String, Values>::new();
        for line in text.lines().filter(|line| line.starts_with(prefix)) {
            let (series, value) = line.rsplit_once(' ').with_context(|| line.to_owned())?;
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let labels = labels.trim_end_matches('}');
            let mut labels: Vec<_> = labels
                .split("\",")
                .map(|label| label.trim_end_matches('"'))
                .filter(|label| !label.is_empty() && !WHO.iter().any(|who| label.starts_with(who)))
                .map(bound_as_number)
                .collect();
            labels.sort();
            let (whole, part) = part_of_histogram(name);
            labels.insert(0, part.to_owned());
            let value = value.parse::<f64>().with_context(|| line.to_owned())?;
            all.entry(whole.into()).or_default().insert(labels.join(" "), value.to_string());
        }
        Ok(Self(all))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(crate) fn values(&self, name: &str) -> Values {
        self.0.get(name).cloned().unwrap_or_default()
    }
}

fn part_of_histogram(name: &str) -> (&str, &str) {
    for part in ["_bucket", "_count", "_sum"] {
        if let Some(whole) = name.strip_suffix(part) {
            return (whole, part);
        }
    }
    (name, "")
}

/// `le="1024.0"` and `le="1024"` are the same.
fn bound_as_number(label: &str) -> String {
    match label.strip_prefix("le=\"").and_then(|bound| bound.parse::<f64>().ok()) {
        Some(bound) => format!("le={bound}"),
        None => label.to_owned(),
    }
}
