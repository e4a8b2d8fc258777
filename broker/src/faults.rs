//! Faults and deaths on purpose, for tests of the tests. Compiled in only with the feature `faults`, which nothing that is
//! shipped has; everything here is then a constant.

pub(crate) use gantry_store::faults::{Fault, has, step};

/// From here on [`point`]s are counted.
#[cfg(feature = "faults")]
pub(crate) fn arm() {
    ARMED.store(true, std::sync::atomic::Ordering::SeqCst);
}

#[cfg(not(feature = "faults"))]
#[inline(always)]
pub(crate) const fn arm() {}

#[cfg(feature = "faults")]
static ARMED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// A place where a crash would be unpleasant. The process ends at the one whose number is in the environment as
/// `GANTRY_BROKER_DIES_AT`, with nothing tidied up.
#[cfg(feature = "faults")]
pub(crate) fn point(place: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static DIES_AT: OnceLock<Option<u64>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    if !ARMED.load(Ordering::SeqCst) {
        return;
    }
    let number = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    let dies_at = DIES_AT.get_or_init(|| std::env::var("GANTRY_BROKER_DIES_AT").ok()?.parse().ok());
    if *dies_at == Some(number) {
        eprintln!("dies at point {number}: {place}");
        std::process::abort();
    }
}

#[cfg(not(feature = "faults"))]
#[inline(always)]
pub(crate) const fn point(_: &str) {}

/// A [`step`] of the file at `path`: its name stands before the step's.
#[cfg(feature = "faults")]
pub(crate) fn file_step(path: &std::path::Path, name: &str) {
    step(&format!("{}: {name}", path.file_name().unwrap_or_default().display()));
}

#[cfg(not(feature = "faults"))]
#[inline(always)]
pub(crate) const fn file_step(_: &std::path::Path, _: &str) {}
