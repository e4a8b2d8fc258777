//! Waiting for a fact, never for a time.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const POLL: Duration = Duration::from_millis(20);

/// Asks again and again until the answer is `Some`; gives up after `limit`, or at once when asking fails.
pub fn await_some<T>(fact: &str, limit: Duration, ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    await_some_every(POLL, fact, limit, ask)
}

/// As [`await_some`], for a plain yes.
pub fn await_condition(fact: &str, limit: Duration, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    await_some(fact, limit, || Ok(holds()?.then_some(())))
}

/// As [`await_some`], with this pause between two questions.
pub(crate) fn await_some_every<T>(
    poll: Duration,
    fact: &str,
    limit: Duration,
    mut ask: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let give_up = Instant::now() + limit;
    loop {
        if let Some(value) = ask()? {
            return Ok(value);
        }
        if Instant::now() > give_up {
            bail!("after {} s still not true: {fact}", limit.as_secs());
        }
        std::thread::sleep(poll);
    }
}
