//! A Kubernetes cluster, used as a person uses it: by kubectl and helm.

mod armed;
mod kubectl;
pub mod operator;
mod space;

pub use armed::Armed;
pub use kubectl::{Applied, Kubectl};
pub use space::Space;

use crate::toolchain::{Missing, on_path};
use anyhow::Result;

/// Whether there is a cluster to try things on: that of `KUBECONFIG`.
pub fn available() -> Result<Result<(), Missing>> {
    for program in ["kubectl", "helm"] {
        if let Err(missing) = on_path(program) {
            return Ok(Err(missing));
        }
    }
    if std::env::var_os("KUBECONFIG").is_none() {
        return Ok(Err(Missing::new("KUBECONFIG names no cluster (./test kubernetes starts one)")));
    }
    // A cluster that is named and does not answer is an error, not a reason to skip.
    Kubectl::default().run(&["get", "--raw", "/readyz"]).map(|_| Ok(()))
}
