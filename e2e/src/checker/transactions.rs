//! C11: transactions.

use std::collections::{HashMap, HashSet};

use super::facts::Facts;
use super::{Check, Findings};
use crate::history::{Flush, MessageId, What};

pub(super) fn check(facts: &Facts<'_>, lost: &HashSet<MessageId>, found: &mut Findings) {
    // With ASYNC_FLUSH a power cut may take a half or its end.
    if facts.promise.flush == Flush::Async && !lost.is_empty() {
        return;
    }
    // A decision that was not heard is asked for: in the end each counts.
    let mut decisions: HashMap<MessageId, bool> = HashMap::new();
    let mut asked: HashSet<MessageId> = HashSet::new();
    for (_, _, what) in &facts.others {
        match what {
            What::Decide { id, commit } => {
                decisions.insert(*id, *commit);
            }
            What::Asked { id } => {
                asked.insert(*id);
            }
            _ => {}
        }
    }
    let there = facts.found();
    for (n, send) in facts.sends.iter().enumerate().filter(|(_, send)| send.half) {
        let id = MessageId(n as u64);
        let is_there = there.contains_key(&id);
        match decisions.get(&id) {
            Some(true) if !is_there => {
                found.add(Check::Transactions, format!("{id:?} was committed, and is not there"));
            }
            Some(false) if is_there => {
                found.add(Check::Transactions, format!("{id:?} was rolled back, and is there"));
            }
            None if is_there => {
                found.add(Check::Transactions, format!("{id:?} is there, and nobody decided on it"));
            }
            None if send.acked().is_some() && !asked.contains(&id) => {
                found.add(Check::Transactions, format!("nobody decided on {id:?}, and nobody was asked"));
            }
            _ => {}
        }
    }
}
