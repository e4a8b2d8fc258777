//! The same bytes to Gantry's decoders and to Apache's: accepted by both with the same fields, refused by both, or different for
//! a reason that has a name.

mod apache;
mod classes;
mod inputs;
mod ours;
mod view;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;

use crate::toolchain::Java;
use apache::Apache;
pub use classes::Class;
use inputs::Inputs;
pub use view::{Input, Kind, View};

/// What came of a comparison.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Inputs of each kind: how many, how many of them both accept, and how many both refuse.
    pub counts: BTreeMap<Kind, [u64; 3]>,
    /// Differences that are known, and the first input of each.
    pub known: BTreeMap<Class, (u64, Input)>,
    /// Differences without a reason, the first few.
    pub unknown: Vec<String>,
    /// How many.
    pub unknown_count: u64,
}

/// How many differences without a reason are shown.
const SHOWN: usize = 20;
/// Inputs that are under way at once: more than one, so that neither side waits for the other.
const AT_ONCE: u64 = 2_000;

/// Compares `count` inputs that follow from `seed`.
pub fn compare(java: Java, seed: u64, count: u64) -> Result<Outcome> {
    let mut apache = Apache::start(java)?;
    let mut inputs = Inputs::new(seed);
    let mut outcome = Outcome::default();
    let mut left = count;
    while left > 0 {
        let some: Vec<Input> = (0..left.min(AT_ONCE)).map(|_| inputs.next()).collect();
        left -= some.len() as u64;
        for (input, theirs) in some.iter().zip(apache.views(&some)?) {
            outcome.add(input, &ours::view(input), &theirs);
        }
    }
    Ok(outcome)
}

impl Outcome {
    fn add(&mut self, input: &Input, ours: &View, theirs: &View) {
        let counts = self.counts.entry(input.kind).or_default();
        counts[0] += 1;
        match (ours, theirs) {
            (View::Refused(_), View::Refused(_)) => counts[2] += 1,
            _ if ours == theirs => counts[1] += 1,
            _ => match Class::of(input, ours, theirs) {
                Some(class) => self.known.entry(class).or_insert_with(|| (0, input.clone())).0 += 1,
                None => {
                    self.unknown_count += 1;
                    if self.unknown.len() < SHOWN {
                        self.unknown.push(format!("{input}\n  Gantry: {ours:?}\n  Apache: {theirs:?}"));
                    }
                }
            },
        }
    }

    /// All of it as text.
    #[must_use]
    pub fn report(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "{:<12} {:>10} {:>14} {:>13}", "inputs", "", "both accept", "both refuse");
        for (kind, [all, accepted, refused]) in &self.counts {
            let _ = writeln!(text, "{kind:<12} {all:>10} {accepted:>14} {refused:>13}");
        }
        for (class, (count, first)) in &self.known {
            let _ = writeln!(text, "{count:>8} × {}, for instance {first}", class.text());
        }
        for unknown in &self.unknown {
            let _ = writeln!(text, "NO REASON: {unknown}");
        }
        let _ = writeln!(text, "{} differences without a reason", self.unknown_count);
        text
    }
}
