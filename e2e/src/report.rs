//! Says loudly what was not tried.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::toolchain::Missing;

/// Reasons and the trials they cost.
static SKIPPED: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());

pub fn skipped(trial: &str, missing: &Missing) {
    SKIPPED
        .lock()
        .expect("no one panics while holding it")
        .entry(missing.to_string())
        .or_default()
        .push(trial.into());
}

/// One line a reason; to be shown before the trials run and again after them, when it is what stands on the screen.
pub fn print_skipped() {
    for (reason, trials) in SKIPPED.lock().expect("no one panics while holding it").iter() {
        let some = trials.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        let more = if trials.len() > 3 { ", ..." } else { "" };
        eprintln!("SKIPPED {} trials, because {reason}: {some}{more}", trials.len());
    }
}
