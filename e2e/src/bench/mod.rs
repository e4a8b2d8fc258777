//! Every broker in turn under the same load, and what of our goals holds.
//!
//! ```text
//! session: rounds of arms, ABAB ──> arena: one broker, started for it ──> experiments/: what is done to it
//!    │                                                                        │
//!    │   gate: does this build lose messages?                                 └── samples: a figure a line, contestant and round
//!    └── report: table (Markdown), plots (SVG), raw figures (JSON)
//! ```

mod arena;
mod client;
mod contestant;
mod curve;
mod experiments;
mod gate;
mod kernel_calls;
mod lines;
mod machine;
mod overview;
mod plot;
mod report;
mod rest;
mod samples;
mod session;
mod table;

pub use contestant::Contestant;
pub use experiments::Experiment;
pub(crate) use kernel_calls::{Calls, Counter};
pub use report::draw;
pub use session::{Options, run};
