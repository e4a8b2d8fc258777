//! How long to wait after a failure, for each object by itself.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);

/// Failures in a row of each object.
#[derive(Debug)]
pub(crate) struct Backoff<K>(Mutex<HashMap<K, u32>>);

impl<K> Default for Backoff<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Backoff<K> {
    /// Another failure; gives the time to wait.
    pub(crate) fn failed(&self, key: K) -> Duration {
        let mut failures = self.0.lock();
        let count = failures.entry(key).or_default();
        let wait = FIRST.saturating_mul(1 << (*count).min(16)).min(LONGEST);
        *count += 1;
        wait
    }

    /// It worked, or the object is gone.
    pub(crate) fn forget(&self, key: &K) {
        self.0.lock().remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_for_one_object_and_end_with_its_success() {
        let backoff = Backoff::default();
        assert_eq!(backoff.failed("a"), FIRST);
        assert_eq!(backoff.failed("a"), FIRST * 2);
        assert_eq!(backoff.failed("b"), FIRST);
        for _ in 0..100 {
            assert!(backoff.failed("a") <= LONGEST);
        }
        backoff.forget(&"a");
        assert_eq!(backoff.failed("a"), FIRST);
    }
}
