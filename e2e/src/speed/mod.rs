//! How fast a broker takes messages and what that costs, under the load of Apache's own benchmark producer.

mod process_cost;
mod producer;
mod run;

pub use run::{Load, Run, run};
