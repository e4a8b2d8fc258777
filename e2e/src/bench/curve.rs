//! How long things took, from the median to the slowest: what a single percentile hides.

use std::collections::BTreeMap;

use gantry_bench::Histogram;

use super::Contestant;

/// Percentiles of a curve, evenly apart in "how many nines".
pub(super) const PERCENTILES: [f64; 10] = [0.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0];

/// Latencies of all rounds together, in nanoseconds, by what was measured and of whom.
#[derive(Clone, Debug, Default)]
pub(super) struct Curves(BTreeMap<(&'static str, Contestant), Histogram<u64>>);

impl Curves {
    pub(super) fn add(&mut self, what: &'static str, contestant: Contestant, histogram: &Histogram<u64>) {
        match self.0.entry((what, contestant)) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(histogram.clone());
            }
            std::collections::btree_map::Entry::Occupied(mut place) => {
                // Both have the range of the generator.
                let _ = place.get_mut().add(histogram);
            }
        }
    }

    pub(super) fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.0.keys().map(|(what, _)| *what).collect();
        names.dedup();
        names
    }

    /// Microseconds at each of [`PERCENTILES`].
    pub(super) fn of(&self, what: &'static str) -> Vec<(Contestant, Vec<f64>)> {
        let all = self.0.iter().filter(|((of, _), _)| *of == what);
        all.map(|((_, contestant), histogram)| {
            let at = |percentile| histogram.value_at_percentile(percentile) as f64 / 1e3;
            (*contestant, PERCENTILES.into_iter().map(at).collect())
        })
        .collect()
    }
}
