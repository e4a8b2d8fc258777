//! What an experiment has that starts its own brokers.

use crate::Target;
use crate::bench::Contestant;
use crate::bench::arena::{Flush, setup};
use crate::bench::lines::Line;
use crate::bench::report::Findings;
use crate::cluster::Setup;

pub(in crate::bench) struct Alone<'a> {
    pub(in crate::bench) round: u32,
    /// Of the full sizes; 1 unless it is only tried.
    pub(in crate::bench) share: f64,
    pub(in crate::bench) times: super::Times,
    pub(in crate::bench) findings: &'a mut Findings,
    /// Apache's is measured, too.
    pub(in crate::bench) with_apache: bool,
}

impl Alone<'_> {
    /// Who is measured: one of Apache's is enough where settings make no difference.
    pub(super) fn contestants(&self) -> Vec<(Contestant, Target)> {
        let all: &[_] =
            if self.with_apache { &[Contestant::Gantry, Contestant::Apache] } else { &[Contestant::Gantry] };
        all.iter().filter_map(|contestant| Some((*contestant, contestant.target()?))).collect()
    }

    pub(super) fn setup(&self, contestant: Contestant) -> Setup {
        setup(contestant, Flush::Async)
    }

    pub(super) fn count(&self, full: usize) -> usize {
        (full as f64 * self.share).ceil() as usize
    }

    pub(super) fn add(&mut self, line: &Line, contestant: Contestant, figure: f64) {
        self.findings.add(line, contestant, self.round, figure);
    }

    /// Whether earlier rounds tried it in vain: some failures take minutes.
    pub(super) fn has_failed(&self, line: &Line, contestant: Contestant) -> bool {
        self.round > 0 && self.findings.samples.of(line, contestant).is_empty()
    }

    pub(super) fn note(&mut self, text: String) {
        eprintln!("    {text}");
        self.findings.notes.push(format!("round {}: {text}", self.round + 1));
    }
}
