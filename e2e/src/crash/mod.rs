//! Brokers that die, in every way that can be made here, under clients whose history is judged ([`crate::checker`]).
//!
//! ```text
//! scenario ──> run: one store, many lives ──> clients/ (note what they see) ──> history ──> checker ──> verdict
//!    │                   │
//!    │                   └── victim: the process;  ground: the folder, or a disk whose power can be cut
//!    └── what is done to it: lives, steps, errno, full, flips, surgery, pauses, clocks
//! ```

mod clients;
mod clocks;
mod derived;
mod errno;
mod flips;
mod full;
mod ground;
mod lives;
mod message;
mod pauses;
mod run;
mod scenario;
mod seeded;
mod steps;
mod surgery;
mod tally;
mod victim;

pub use scenario::{Scale, Scenario};
pub use seeded::{Bug, hunt};
pub use tally::Tally;
