//! The ways to install it.

use std::time::Duration;

use anyhow::{Result, ensure};
use gantry_e2e::kubernetes::{Kubectl, Space, operator};

use crate::{Named, Needs};

pub(crate) const WITH_HELM: [Named; 1] = [("install::helm-test", Needs::Nothing, helm_test)];

pub(crate) const ALONE: [Named; 1] = [("install::one-manifest", Needs::Nothing, one_manifest)];

/// From the installation to everything ready.
const INSTALL: Duration = Duration::from_secs(60);
const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/install.yaml");

fn helm_test() -> Result<()> {
    let said = operator::test()?;
    ensure!(said.contains("Succeeded"), "{said}");
    Ok(())
}

fn one_manifest() -> Result<()> {
    let cluster = Kubectl::default();
    // Those that helm made: a fresh cluster has none, and everything of these kinds goes with them.
    cluster.run(&["delete", "crd", "-l", "app.kubernetes.io/part-of=gantry", "--ignore-not-found"])?;
    cluster.run(&["apply", "--server-side", "-f", MANIFEST])?;
    let tried = Space::new("manifest").and_then(|space| space.apply_example("quickstart.yaml", INSTALL));
    cluster.run(&["delete", "-f", MANIFEST, "--timeout=60s"])?;
    tried
}
