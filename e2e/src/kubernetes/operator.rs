//! The operator, installed by helm as a user does.

use std::env;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Kubectl;

/// Where it is installed.
const NAMESPACE: &str = "gantry-e2e-system";
const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/gantry");

/// An installed operator for all namespaces; uninstalled with its owner, unless `GANTRY_E2E_KEEP` is set.
#[derive(Debug)]
pub struct Operator(());

impl Operator {
    /// Installs it; its images are those that `./test kubernetes` loads, or whatever `GANTRY_E2E_HELM` sets
    /// (`--set image.registry=...`).
    pub fn install() -> Result<Self> {
        let cluster = Kubectl::default();
        if cluster.get(&["namespace", NAMESPACE])?.is_null() {
            cluster.run(&["create", "namespace", NAMESPACE])?;
        }
        cluster.run(&[
            "label",
            "--overwrite",
            "namespace",
            NAMESPACE,
            "pod-security.kubernetes.io/enforce=restricted",
        ])?;
        helm(&["upgrade", "--install", "gantry", CHART, "--wait", "--timeout", "120s"])?;
        Ok(Self(()))
    }

    /// `helm test`.
    pub fn test(&self) -> Result<String> {
        helm(&["test", "gantry"])
    }

    /// `helm upgrade` with more settings.
    pub fn upgrade(&self, settings: &[&str]) -> Result<String> {
        let base = ["upgrade", "gantry", CHART, "--reuse-values", "--wait", "--timeout", "120s"];
        helm(&base.iter().chain(settings).copied().collect::<Vec<_>>())
    }

    /// kubectl where it runs.
    #[must_use]
    pub fn kubectl(&self) -> Kubectl {
        Kubectl::in_namespace(NAMESPACE)
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if env::var_os("GANTRY_E2E_KEEP").is_none() {
            let _ = helm(&["uninstall", "gantry", "--wait"]);
            let _ = Kubectl::default().run(&["delete", "namespace", NAMESPACE, "--wait=false"]);
        }
    }
}

fn helm(args: &[&str]) -> Result<String> {
    let more = env::var("GANTRY_E2E_HELM").unwrap_or_default();
    let installs = matches!(args.first(), Some(&"upgrade"));
    let output = Command::new("helm")
        .args(["--namespace", NAMESPACE])
        .args(args)
        .args(more.split_whitespace().filter(|_| installs))
        .output()
        .context("starting helm")?;
    if !output.status.success() {
        bail!("helm {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
