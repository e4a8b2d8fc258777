//! What GitOps tools rely on.

use std::time::Duration;

use anyhow::{Result, ensure};
use gantry_e2e::kubernetes::{Operator, Space};
use serde_json::{Value, json};

use crate::Named;

pub(crate) const TRIALS: [Named; 2] =
    [("gitops::no-diff-after-a-sync", no_diff), ("gitops::conditions-tell-the-truth", conditions)];

const READY: Duration = Duration::from_secs(90);
const QUICKSTART: &str = "quickstart.yaml";

fn no_diff(_: &Operator) -> Result<()> {
    let space = Space::new("diff")?;
    space.apply_example(QUICKSTART, READY)?;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/examples/").to_owned() + QUICKSTART;
    let (code, diff, said) = space.kubectl.outcome(&["diff", "-f", &file], "")?;
    ensure!(code == 0, "kubectl diff ends with {code}: {diff}{said}");
    Ok(())
}

/// Reconciling while it changes, Ready when it is done, Stalled when somebody has to act; each for the latest spec.
fn conditions(_: &Operator) -> Result<()> {
    let space = Space::new("truth")?;
    space.apply_example(QUICKSTART, READY)?;
    ensure!(verdict(&space.kubectl.get(&["brokergroup/main"])?) == "Current");

    space.kubectl.patch("brokergroup/main", &json!({"spec": {"image": "gantry/there-is-none:1"}}))?;
    let after = space.kubectl.get(&["brokergroup/main"])?;
    ensure!(verdict(&after) != "Current", "at once after a change: {}", after["status"]);
    space.kubectl.await_condition("brokergroup/main", "Stalled", READY)?;
    ensure!(verdict(&space.kubectl.get(&["brokergroup/main"])?) == "Failed");
    // The others go on.
    ensure!(verdict(&space.kubectl.get(&["nameserver/names"])?) == "Current");

    let back = json!([{"op": "remove", "path": "/spec/image"}]).to_string();
    space.kubectl.run(&["patch", "brokergroup/main", "--type=json", "-p", &back])?;
    Ok(())
}

/// As kstatus computes it for an object with these conditions.
fn verdict(object: &Value) -> &'static str {
    let status = &object["status"];
    if status["observedGeneration"] != object["metadata"]["generation"] {
        return "InProgress";
    }
    let is = |type_: &str, value: &str| {
        let conditions = status["conditions"].as_array();
        conditions.is_some_and(|all| all.iter().any(|one| one["type"] == type_ && one["status"] == value))
    };
    if is("Stalled", "True") {
        "Failed"
    } else if is("Reconciling", "True") || !is("Ready", "True") {
        "InProgress"
    } else {
        "Current"
    }
}
