//! A namespace of a trial's own.

use std::env;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::Kubectl;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A namespace under the `restricted` Pod Security Standard. It goes with its owner, unless `GANTRY_E2E_KEEP` is set.
#[derive(Debug)]
pub struct Space {
    pub name: String,
    pub kubectl: Kubectl,
}

impl Space {
    pub fn new(what: &str) -> Result<Self> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("e2e-{what}-{}-{number}", process::id());
        Self::restricted(&name)?;
        Ok(Self { kubectl: Kubectl::in_namespace(&name), name })
    }

    /// Makes a namespace, or keeps that which is there.
    pub(super) fn restricted(name: &str) -> Result<()> {
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
        Kubectl::default().apply(&namespace.to_string())
    }

    /// Applies a file of `manifests/examples` and waits until everything in it is ready.
    pub fn apply_example(&self, file: &str, limit: Duration) -> Result<()> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/examples/").to_owned() + file;
        self.kubectl.run(&["apply", "-f", &path])?;
        self.await_all_ready(limit)
    }

    /// Waits until every object of ours in the namespace is ready.
    pub fn await_all_ready(&self, limit: Duration) -> Result<()> {
        self.kubectl.await_ready("gantry --all", limit)
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        if env::var_os("GANTRY_E2E_KEEP").is_none() {
            // The objects first, while there is an operator that lets those with a finalizer go.
            let _ = self.kubectl.run(&["delete", "gantry", "--all", "--wait=true", "--timeout=60s"]);
            let _ = Kubectl::default().run(&["delete", "namespace", &self.name, "--wait=false"]);
        }
    }
}
