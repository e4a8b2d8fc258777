//! The operator, installed by helm as a user does.

use std::env;
use std::process::Command;

use anyhow::Result;

use super::{Kubectl, Space};
use crate::process::output_of;

/// Where it is installed.
pub const NAMESPACE: &str = "gantry-e2e-system";
const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/gantry");

/// Installs it for all namespaces; its images are those that `./test kubernetes` loads, or whatever `GANTRY_E2E_HELM`
/// sets (`--set image.registry=...`).
pub fn install() -> Result<()> {
    Space::restricted(NAMESPACE)?;
    helm(&["upgrade", "--install", "gantry", CHART, "--wait", "--timeout", "120s"]).map(drop)
}

/// Unless `GANTRY_E2E_KEEP` is set.
pub fn uninstall() -> Result<()> {
    if env::var_os("GANTRY_E2E_KEEP").is_none() {
        helm(&["uninstall", "gantry", "--wait"])?;
        Kubectl::default().run(&["delete", "namespace", NAMESPACE, "--wait=true"])?;
    }
    Ok(())
}

/// `helm test`.
pub fn test() -> Result<String> {
    helm(&["test", "gantry", "--timeout", "60s"])
}

/// `helm upgrade` with more settings.
pub fn upgrade(settings: &[&str]) -> Result<String> {
    let base = ["upgrade", "gantry", CHART, "--reuse-values", "--wait", "--timeout", "120s"];
    helm(&base.iter().chain(settings).copied().collect::<Vec<_>>())
}

/// kubectl where it runs.
#[must_use]
pub fn kubectl() -> Kubectl {
    Kubectl::in_namespace(NAMESPACE)
}

fn helm(args: &[&str]) -> Result<String> {
    let more = env::var("GANTRY_E2E_HELM").unwrap_or_default();
    let installs = args.first() == Some(&"upgrade");
    let mut helm = Command::new("helm");
    helm.args(["--namespace", NAMESPACE]).args(args).args(more.split_whitespace().filter(|_| installs));
    output_of(&mut helm)
}
