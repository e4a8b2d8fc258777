//! Figures of all rounds, and what follows from them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::Contestant;
use super::lines::{self, Bar, Goal, Line};
use crate::speed::median;

/// Rounds that differ by more have not measured anything, if it matters which of them is right.
const NEAR: f64 = 0.1;

/// Figures by line, contestant and round.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples(BTreeMap<(&'static str, Contestant), BTreeMap<u32, f64>>);

/// Ratios of one round each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    pub(super) fn of(figures: &[f64]) -> Option<Self> {
        Some(Self {
            median: median(figures.to_vec())?,
            least: figures.iter().copied().fold(f64::INFINITY, f64::min),
            most: figures.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }

    /// What the median says, if the others say the same or are near it.
    fn meets(self, bar: impl Fn(f64) -> bool) -> Option<bool> {
        let is_met = bar(self.median);
        let is_agreed = bar(self.least) == is_met && bar(self.most) == is_met;
        (is_agreed || self.most - self.least <= NEAR * self.median.abs()).then_some(is_met)
    }
}

impl Samples {
    pub(super) fn add(&mut self, line: &Line, contestant: Contestant, round: u32, figure: f64) {
        self.0.entry((line.id, contestant)).or_default().insert(round, figure);
    }

    pub(super) fn of(&self, line: &Line, contestant: Contestant) -> Vec<f64> {
        let rounds = self.0.get(&(line.id, contestant));
        rounds.into_iter().flat_map(|rounds| rounds.values().copied()).collect()
    }

    pub(super) fn at(&self, line: &Line, contestant: Contestant, round: u32) -> Option<f64> {
        self.0.get(&(line.id, contestant))?.get(&round).copied()
    }

    pub(super) fn spread(&self, line: &Line, contestant: Contestant) -> Option<Spread> {
        Spread::of(&self.of(line, contestant))
    }

    /// Gantry's figures against the better of Apache's brokers.
    pub(super) fn to_apache(&self, line: &Line) -> Option<Spread> {
        self.ratios(line, &Contestant::APACHES)
    }

    /// Gantry's figures as a share of the bound.
    pub(super) fn to_bound(&self, line: &Line) -> Option<Spread> {
        self.ratios(line, &[Contestant::Responder])
    }

    fn ratios(&self, line: &Line, others: &[Contestant]) -> Option<Spread> {
        let own = self.0.get(&(line.id, Contestant::Gantry))?;
        let ratios: Vec<f64> = own
            .iter()
            .filter_map(|(round, figure)| {
                let of_round = others.iter().filter_map(|other| self.at(line, *other, *round));
                of_round.reduce(|one, other| line.better(one, other)).map(|other| figure / other)
            })
            .collect();
        Spread::of(&ratios)
    }

    /// Whether a goal is met; `None` when something that it takes was not measured, or rounds that differ much do not agree.
    pub(super) fn holds(&self, line: &Line, goal: Goal) -> Option<bool> {
        match goal {
            Goal::All(bars) => bars.iter().try_fold(true, |all, bar| Some(all & self.is_met(line, *bar)?)),
            Goal::Any(bars) => {
                let known: Vec<bool> = bars.iter().filter_map(|bar| self.is_met(line, *bar)).collect();
                match known.contains(&true) {
                    true => Some(true),
                    false => (known.len() == bars.len()).then_some(false),
                }
            }
        }
    }

    fn is_met(&self, line: &Line, bar: Bar) -> Option<bool> {
        let own = || self.spread(line, Contestant::Gantry);
        match bar {
            Bar::RatioAtMost(most) => self.to_apache(line)?.meets(|ratio| ratio <= most),
            Bar::RatioAtLeast(least) => self.to_apache(line)?.meets(|ratio| ratio >= least),
            Bar::ShareAtLeast(least) => self.to_bound(line)?.meets(|share| share >= least),
            Bar::AtMost(most) => own()?.meets(|figure| figure <= most),
            Bar::AtLeast(least) => own()?.meets(|figure| figure >= least),
        }
    }

    /// As they were measured.
    pub(super) fn json(&self) -> serde_json::Value {
        let all = self.0.iter().map(|((line, contestant), rounds)| {
            serde_json::json!({"line": line, "contestant": contestant.to_string(), "rounds": rounds})
        });
        all.collect()
    }

    /// What [`json`](Self::json) made of them.
    ///
    /// # Errors
    /// When it is something else.
    pub(super) fn from_json(text: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Row {
            line: String,
            contestant: String,
            rounds: BTreeMap<u32, f64>,
        }
        let rows: Vec<Row> = serde_json::from_str(text).context("figures of a bench")?;
        let known = |row: Row| {
            let line = lines::ALL.iter().find(|line| line.id == row.line);
            let line = line.with_context(|| format!("there is no line {}", row.line))?;
            let contestant =
                Contestant::ALL.into_iter().find(|contestant| contestant.to_string() == row.contestant);
            let contestant = contestant.with_context(|| format!("nobody is called {}", row.contestant))?;
            Ok(((line.id, contestant), row.rounds))
        };
        Ok(Self(rows.into_iter().map(known).collect::<Result<_>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::lines;

    fn samples(line: &Line, figures: &[(Contestant, &[f64])]) -> Samples {
        let mut samples = Samples::default();
        for (contestant, rounds) in figures {
            for (round, figure) in rounds.iter().enumerate() {
                samples.add(line, *contestant, round as u32, *figure);
            }
        }
        samples
    }

    #[test]
    fn ratios_are_those_of_a_round_and_to_the_better_apache() {
        let line = &lines::NATIVE;
        let samples = samples(
            line,
            &[
                (Contestant::Gantry, &[60.0, 10.0, 50.0]),
                (Contestant::Apache, &[10.0, 1.0, 10.0]),
                (Contestant::ApacheTuned, &[5.0, 2.0, 5.0]),
            ],
        );
        assert_eq!(samples.to_apache(line), Some(Spread { median: 5.0, least: 5.0, most: 6.0 }));
        assert_eq!(samples.holds(line, line.must), Some(true));
        // Its bound was not measured.
        assert_eq!(samples.holds(line, line.aim), None);
    }

    #[test]
    fn rounds_that_differ_much_and_do_not_agree_say_nothing() {
        let line = &lines::SYNC_ONE;
        let holds = |rounds: &[f64]| samples(line, &[(Contestant::Gantry, rounds)]).holds(line, line.must);
        assert_eq!(holds(&[10.0, 20.0, 29.0]), Some(true), "each of them");
        assert_eq!(holds(&[29.0, 29.5, 31.0]), Some(true), "they are near each other");
        assert_eq!(holds(&[20.0, 25.0, 31.0]), None);
        assert_eq!(holds(&[29.0, 40.0, 60.0]), None);
        assert_eq!(holds(&[40.0, 50.0, 60.0]), Some(false));
    }

    #[test]
    fn figures_are_read_as_they_were_written() {
        let line = &lines::NATIVE;
        let samples = samples(line, &[(Contestant::Gantry, &[1.5, 2.0]), (Contestant::ApacheTuned, &[0.25])]);
        let text = samples.json().to_string();
        assert_eq!(Samples::from_json(&text).unwrap().json(), samples.json());
        let error = Samples::from_json(&text.replace("NATIVE", "OTHER")).unwrap_err();
        assert_eq!(error.to_string(), "there is no line OTHER");
    }

    #[test]
    fn one_of_two_is_enough_where_one_is() {
        let line = &lines::CLIENT;
        let near_the_bound = samples(
            line,
            &[
                (Contestant::Gantry, &[90.0]),
                (Contestant::Apache, &[80.0]),
                (Contestant::Responder, &[100.0]),
            ],
        );
        assert_eq!(near_the_bound.holds(line, line.must), Some(true));
        assert_eq!(near_the_bound.holds(line, line.aim), Some(false));
        let without_bound = samples(line, &[(Contestant::Gantry, &[90.0]), (Contestant::Apache, &[80.0])]);
        assert_eq!(without_bound.holds(line, line.must), None);
    }
}
