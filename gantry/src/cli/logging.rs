//! What the libraries log: nothing unless asked for by `GANTRY_LOG`, as in `GANTRY_LOG=debug`.

use tracing_subscriber::EnvFilter;

/// Logs of a client command.
pub(crate) fn to_stderr() {
    // Somebody may have set a subscriber already: then it is theirs.
    let _ = tracing_subscriber::fmt().with_env_filter(filter("off")).with_writer(std::io::stderr).try_init();
}

/// The filter that the user asked for, or `otherwise`.
pub(crate) fn filter(otherwise: &str) -> EnvFilter {
    EnvFilter::try_from_env("GANTRY_LOG").unwrap_or_else(|_| EnvFilter::new(otherwise))
}
