//! Where the process can be made to die, for the test that kills it between any two calls.

/// Called before every call that changes something. In an ordinary build it does nothing.
///
/// With the feature `crash-points` and `GANTRY_OPERATOR_CRASH_AFTER=n` the process dies here once n calls were let
/// through, as by `kill -9`.
#[inline]
pub(crate) fn point() {
    #[cfg(feature = "crash-points")]
    {
        use std::sync::LazyLock;
        use std::sync::atomic::{AtomicI64, Ordering};
        static LEFT: LazyLock<AtomicI64> = LazyLock::new(|| {
            let after = std::env::var("GANTRY_OPERATOR_CRASH_AFTER").ok().and_then(|text| text.parse().ok());
            AtomicI64::new(after.unwrap_or(i64::MAX))
        });
        if LEFT.fetch_sub(1, Ordering::SeqCst) <= 0 {
            std::process::abort();
        }
    }
}
