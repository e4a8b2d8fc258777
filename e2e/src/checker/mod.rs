//! The judge of a history: one oracle for every scenario.
//!
//! Each check is a sentence about what clients may see, in a file of its own, and knows nothing of how the broker works. They take
//! time in proportion to the history.

mod damage;
mod derived;
mod facts;
mod liveness;
mod loss;
mod offsets;
mod orderly;
mod placement;
mod stability;
mod time;
mod timers;
mod transactions;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::history::Event;
use facts::Facts;

/// A sentence that does not hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    pub check: Check,
    pub what: String,
}

/// The checks, by the numbers they have had since before they were built; those of replicas come with replicas.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Check {
    /// What was acknowledged is there, at its place, as it was sent.
    AckedAtOffset = 1,
    /// Offsets of a queue have no hole and no double.
    Dense = 2,
    /// What was refused or never sent is nowhere.
    NoGhost = 3,
    /// One send makes one message.
    AtMostOnce = 4,
    /// What was acknowledged before another was sent stands before it, and a connection's messages stand in their order.
    RealTime = 5,
    /// What anybody ever read stays as it was.
    ReadStability = 6,
    /// Files that are derived from the log are what they are when they are made anew.
    Derivation = 8,
    /// Committed offsets fall back by no more than what is said, never to nothing, and never pass the end.
    Offsets = 9,
    /// Of a group in order each queue has one holder, who skips nothing.
    OrderedConsumption = 10,
    /// Committed halves come once, others never, and none is forgotten.
    Transactions = 11,
    /// Messages come at their time: never before it, and not much later.
    Timers = 12,
    /// The broker is back soon, and all is read to its end.
    Liveness = 15,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "C{} {self:?}", *self as u8)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.what)
    }
}

/// What a history amounts to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Verdict {
    pub violations: Vec<Violation>,
    /// Lives that did not end by a clean stop.
    pub deaths: usize,
    pub acked: usize,
    pub unknown: usize,
    pub refused: usize,
    /// Acknowledged messages that a power cut took, as it may with ASYNC_FLUSH.
    pub lost_tail: usize,
    /// Acknowledged messages whose own bytes were damaged, and that are not there.
    pub damaged: usize,
}

impl Verdict {
    #[must_use]
    pub fn holds(&self) -> bool {
        self.violations.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} deaths, {} acknowledged, {} unanswered, {} refused",
            self.deaths, self.acked, self.unknown, self.refused
        )?;
        if self.lost_tail > 0 {
            write!(f, ", {} of the last moments lost to power cuts", self.lost_tail)?;
        }
        if self.damaged > 0 {
            write!(f, ", {} gone that were damaged themselves", self.damaged)?;
        }
        match self.violations.len() {
            0 => write!(f, "; nothing is wrong"),
            n => {
                write!(f, "; {n} things are wrong")?;
                for violation in self.violations.iter().take(20) {
                    write!(f, "\n  {violation}")?;
                }
                Ok(())
            }
        }
    }
}

/// Where checks put what they find.
#[derive(Debug, Default)]
struct Findings(Vec<Violation>);

impl Findings {
    fn add(&mut self, check: Check, what: String) {
        self.0.push(Violation { check, what });
    }
}

/// Judges a whole history.
#[must_use]
pub fn check(events: &[Event]) -> Verdict {
    let facts = Facts::of(events);
    let mut found = Findings::default();
    let mut lost = loss::check(&facts, &mut found);
    let lost_tail = lost.len();
    let damaged = damage::gone(&facts);
    lost.extend(&damaged);
    placement::check(&facts, &lost, &mut found);
    time::check(&facts, &mut found);
    stability::check(&facts, &lost, &mut found);
    derived::check(&facts, &mut found);
    offsets::check(&facts, &mut found);
    orderly::check(&facts, &lost, &mut found);
    transactions::check(&facts, &lost, &mut found);
    timers::check(&facts, &lost, &mut found);
    liveness::check(&facts, &mut found);
    Verdict {
        violations: found.0,
        deaths: facts.deaths(),
        acked: facts.sends.iter().filter(|send| send.acked().is_some()).count(),
        unknown: facts.sends.iter().filter(|send| send.is_open()).count(),
        refused: facts.sends.iter().filter(|send| send.is_refused()).count(),
        lost_tail,
        damaged: damaged.len(),
    }
}
