//! What many lives amount to.

use std::collections::BTreeMap;
use std::fmt;

use crate::checker::Verdict;

/// Verdicts on several stores, and what shows that something was done to them.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// What was done to the broker, and how often.
    pub cycles: u32,
    pub verdict: Verdict,
    /// Things that have to have happened, and how often they did.
    pub witnesses: BTreeMap<String, u64>,
    /// Steps that nobody came to.
    pub missed: Vec<String>,
}

impl Tally {
    pub(super) fn add(&mut self, verdict: Verdict) {
        let all = &mut self.verdict;
        all.deaths += verdict.deaths;
        all.acked += verdict.acked;
        all.unknown += verdict.unknown;
        all.refused += verdict.refused;
        all.lost_tail += verdict.lost_tail;
        all.damaged += verdict.damaged;
        all.violations.extend(verdict.violations);
    }

    pub(super) fn witness(&mut self, what: &str, count: u64) {
        *self.witnesses.entry(what.into()).or_default() += count;
    }

    /// Nothing is wrong, and what had to happen did: a fault that was none shows nothing.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.cycles > 0
            && self.verdict.holds()
            && self.missed.is_empty()
            && self.witnesses.values().all(|count| *count > 0)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cycles: {}", self.cycles, self.verdict)?;
        for (what, count) in &self.witnesses {
            write!(f, "\n  {what}: {count}{}", if *count == 0 { " (so this shows nothing)" } else { "" })?;
        }
        for step in &self.missed {
            write!(f, "\n  nobody came to {step}")?;
        }
        if self.verdict.holds() && self.cycles > 0 {
            // The rule of three.
            let bound = 300.0 / f64::from(self.cycles);
            write!(
                f,
                "\n  0 failures of {}: at most {bound:.2} % of such cycles fail, at 95 %",
                self.cycles
            )?;
        }
        Ok(())
    }
}
