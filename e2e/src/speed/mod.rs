//! What scaling and backlogs cost, and what that takes to measure.

mod backlog;
mod process_cost;
pub(crate) mod producer;
mod scaling;

pub use backlog::{Backlog, Beside, Latency};
pub(crate) use process_cost::{Busy, anonymous_memory, cpu_time};
pub use scaling::{Costs, Load, Share, Stage};

/// The middle one of some figures, or the mean of the two in the middle.
#[must_use]
pub fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let half = figures.len() / 2;
    match figures.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(figures[half]),
        _ => Some(f64::midpoint(figures[half - 1], figures[half])),
    }
}
