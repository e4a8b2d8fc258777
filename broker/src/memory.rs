//! Memory that is not needed any more goes back to the system. Part of the program, not of the library: the allocator is the
//! program's own.

use std::time::Duration;

const EVERY: Duration = Duration::from_secs(10);

/// Gives back what is free, again and again. glibc keeps what a crowd of connections took once they are gone: 50 MiB for 17,000.
pub(crate) async fn give_back() {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // It holds up who allocates in the meantime, for as long as it takes to look through what is free.
        let _ = tokio::task::spawn_blocking(trim).await;
    }
}

#[cfg(target_env = "gnu")]
fn trim() {
    // SAFETY: it takes a number and may be called by any thread at any time (malloc_trim(3): MT-Safe).
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(target_env = "gnu"))]
fn trim() {}
