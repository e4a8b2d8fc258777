//! How fast a broker takes messages and what that costs, under the load of Apache's own benchmark producer.

mod process_cost;
mod producer;
mod run;
mod scaling;

pub use run::{Load, Run, run};
pub use scaling::{Costs, Share, Stage};
