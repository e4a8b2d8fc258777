//! Health, readiness and metrics over HTTP/1, for Kubernetes and Prometheus.
//!
//! | Path | Answer |
//! |---|---|
//! | `/healthz` | 200 `ok` for as long as the process serves |
//! | `/readyz` | 200 `ok`, or 503 with the reason |
//! | `/metrics` | what [`Status::metrics`] writes |
//!
//! Everything else is 404. What a client can take is bounded: see `server`.
#![forbid(unsafe_code)]

mod answer;
mod server;

pub use server::serve;

/// What a process says of itself. Called for each request.
pub trait Status: Send + Sync + 'static {
    /// Whether others may use this process now. Called on the runtime's threads: it must not block.
    ///
    /// # Errors
    /// Why not, in a few words: it is the answer's text.
    fn ready(&self) -> Result<(), String>;

    /// Metrics in Prometheus' text format 0.0.4, or in that of OpenMetrics, which is recognised by its `# EOF`.
    /// May block.
    fn metrics(&self) -> String {
        String::new()
    }
}
