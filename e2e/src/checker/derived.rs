//! C8: files derived from the log, as they were kept up to date and as they are when they are made anew.

use super::facts::Facts;
use super::{Check, Findings};
use crate::history::What;

pub(super) fn check(facts: &Facts<'_>, found: &mut Findings) {
    for (_, _, what) in &facts.others {
        if let What::Derived { file, live, rebuilt } = what
            && live != rebuilt
        {
            found.add(Check::Derivation, format!("{file} is {live}, and {rebuilt} when it is made anew"));
        }
    }
}
