//! Where the process can be made to die, for the test that kills it between any two calls.

/// Called before every call that changes something. In an ordinary build it does nothing.
///
/// With the feature `crash-points` and `GANTRY_OPERATOR_CRASH_AFTER=n` the process dies here once n calls were let
/// through, as by `kill -9`; once in the life of the file that `GANTRY_OPERATOR_CRASH_MARK` names, so that the next
/// process of the same pod finishes the work.
#[inline]
pub(crate) fn point() {
    #[cfg(feature = "crash-points")]
    armed::point();
}

#[cfg(feature = "crash-points")]
mod armed {
    use std::env;
    use std::fs::File;
    use std::path::PathBuf;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicI64, Ordering};

    /// Calls that are still let through.
    static LEFT: LazyLock<AtomicI64> = LazyLock::new(|| {
        let after = env::var("GANTRY_OPERATOR_CRASH_AFTER").ok().and_then(|text| text.parse().ok());
        let has_crashed = mark().is_some_and(|mark| mark.exists());
        AtomicI64::new(after.filter(|_| !has_crashed).unwrap_or(i64::MAX))
    });

    fn mark() -> Option<PathBuf> {
        env::var_os("GANTRY_OPERATOR_CRASH_MARK").map(PathBuf::from)
    }

    pub(super) fn point() {
        if LEFT.fetch_sub(1, Ordering::SeqCst) <= 0 {
            if let Some(mark) = mark() {
                File::create(mark).expect("a mark can be left");
            }
            std::process::abort();
        }
    }
}
