//! Deaths and faults on purpose: deaths for tests of what a crash leaves behind, faults for tests of the tests. Compiled in only with
//! the feature `faults`, which nothing that is shipped has; everything here is nothing, or a constant, then.

/// A way in which something may be done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The log is not synced.
    NoSync,
    /// What is appended counts as synced before it is.
    AckBeforeSync,
    /// A failed sync counts as done.
    SyncErrorSwallowed,
    /// What was done with a message is not marked.
    MarkForgotten,
    /// A record counts without being whole.
    TornAccepted,
    /// After a recovery each queue gives its last offset once more.
    OffsetReused,
    /// One entry in a hundred is not written to its queue's file.
    QueueSkips,
    /// New topics are not saved.
    TopicsNotSaved,
    /// Consumer offsets are not saved.
    OffsetsNotSaved,
    /// A queue is locked for whoever asks.
    LockForAll,
    /// Messages come half a second before their time.
    TimerEarly,
    /// One commit in ten is answered and not carried out.
    CommitForgotten,
    /// Of a scale: announced queues take messages before the flip.
    NoRedirect,
    /// Of a scale: gates are open.
    NoGates,
    /// Of a scale: a group that has no offset in a new queue starts at its end.
    ChildrenAtEnd,
}

/// True when this fault was asked for: its name in the environment as `GANTRY_BROKER_FAULT`.
#[cfg(feature = "faults")]
pub fn has(fault: Fault) -> bool {
    use std::sync::OnceLock;
    static ASKED: OnceLock<String> = OnceLock::new();
    *ASKED.get_or_init(|| std::env::var("GANTRY_BROKER_FAULT").unwrap_or_default()) == format!("{fault:?}")
}

/// No: the feature `faults` is off.
#[cfg(not(feature = "faults"))]
#[inline(always)]
#[must_use]
pub const fn has(_: Fault) -> bool {
    false
}

/// A step on the way of something that no crash may spoil. The process ends at the one that is in the environment as
/// `GANTRY_DIES_AT_STEP`, `NAME#N` for the N-th time that it comes there; nothing is tidied up. With `NAME#N+` whoever comes there
/// goes no further, and the process ends half a second later: what others do and save meanwhile must fit too.
#[cfg(feature = "faults")]
pub fn step(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static DIES_AT: OnceLock<Option<(String, u64, bool)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let dies_at = DIES_AT.get_or_init(|| {
        let text = std::env::var("GANTRY_DIES_AT_STEP").ok()?;
        let (step, pass) = text.split_once('#').expect("NAME#N");
        let (pass, is_late) = pass.strip_suffix('+').map_or((pass, false), |pass| (pass, true));
        Some((step.to_owned(), pass.parse().expect("NAME#N"), is_late))
    });
    let Some((step, pass, is_late)) = dies_at else { return };
    if step == name && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *pass {
        if *is_late {
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        eprintln!("dies at {name}#{pass}{}", if *is_late { "+" } else { "" });
        std::process::abort();
    }
}

/// Nothing: the feature `faults` is off.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub const fn step(_: &str) {}

/// What makes a flush fail that has to write it, as a disk does that is broken there.
pub const FAILS_TO_FLUSH: &str = "gantry: these bytes cannot be flushed";

/// # Errors
/// When [`FAILS_TO_FLUSH`] is among the bytes.
#[cfg(feature = "faults")]
pub(crate) fn flush<'a>(bytes: impl FnOnce() -> &'a [u8]) -> std::io::Result<()> {
    /// Of the log as of tests: whole files of the index are not looked through, which takes a tenth of a second each.
    const MOST: usize = 256 * 1024;
    let bytes = bytes();
    let fails = bytes.len() <= MOST
        && bytes.windows(FAILS_TO_FLUSH.len()).any(|window| window == FAILS_TO_FLUSH.as_bytes());
    if fails { Err(std::io::Error::other("on purpose")) } else { Ok(()) }
}

/// Nothing: the feature `faults` is off.
#[cfg(not(feature = "faults"))]
#[inline(always)]
pub(crate) fn flush<'a>(_: impl FnOnce() -> &'a [u8]) -> std::io::Result<()> {
    Ok(())
}
