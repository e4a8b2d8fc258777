//! What GitOps tools rely on.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use gantry_e2e::kubernetes::Space;
use gantry_e2e::toolchain::Go;
use serde_json::{Value, json};

use crate::{Named, Needs};

pub(crate) const TRIALS: [Named; 2] = [
    ("gitops::no-diff-after-a-sync", Needs::Nothing, no_diff),
    ("gitops::conditions-tell-the-truth", Needs::Go, conditions),
];

const READY: Duration = Duration::from_secs(90);
const QUICKSTART: &str = "quickstart.yaml";

fn no_diff() -> Result<()> {
    let space = Space::new("diff")?;
    space.apply_example(QUICKSTART, READY)?;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/examples/").to_owned() + QUICKSTART;
    let (code, diff, said) = space.kubectl.outcome(&["diff", "-f", &file], "")?;
    ensure!(code == 0, "kubectl diff ends with {code}: {diff}{said}");
    Ok(())
}

/// Each kind is InProgress from its creation on, Current when it is done, Failed when somebody has to act; never a verdict about
/// an older spec.
fn conditions() -> Result<()> {
    let space = Space::new("truth")?;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/examples/").to_owned() + QUICKSTART;
    let verdict_of = |what: &str| verdict(&space.kubectl.get(&[what])?);
    // What `apply` prints is the object as it was made: nobody has looked at it yet.
    let applied = space.kubectl.run(&["apply", "-f", &file, "-o", "json"])?;
    let applied: Value = serde_json::from_str(&applied)?;
    for object in applied["items"].as_array().into_iter().flatten() {
        let said = verdict(object)?;
        ensure!(said == "InProgress", "{said} when new: {object}");
    }
    space.await_all_ready(READY)?;
    for what in ["nameserver/names", "brokergroup/main", "topic/orders", "consumergroup/billing"] {
        ensure!(verdict_of(what)? == "Current", "{what} when ready");
    }

    // One without the other: each goes on while its neighbour stands still.
    for (what, neighbour) in [("brokergroup/main", "nameserver/names"), ("nameserver/names", "topic/orders")]
    {
        let wrong = json!({"spec": {"image": "gantry/there-is-none:1"}}).to_string();
        let patched = space.kubectl.run(&["patch", what, "--type=merge", "-o", "json", "-p", &wrong])?;
        let said = verdict(&serde_json::from_str(&patched)?)?;
        ensure!(said == "InProgress", "{said} at once after a change: {patched}");
        space.kubectl.await_condition(what, "Stalled", READY)?;
        let stalled = space.kubectl.get(&[what])?;
        ensure!(
            verdict(&stalled)? == "Failed" && stalled.to_string().contains("there-is-none:1"),
            "{stalled}"
        );
        ensure!(verdict_of(neighbour)? == "Current", "{neighbour} while {what} stands still");

        let back = json!([{"op": "remove", "path": "/spec/image"}]).to_string();
        space.kubectl.run(&["patch", what, "--type=json", "-p", &back])?;
        space.await_all_ready(READY)?;
        ensure!(verdict_of(what)? == "Current", "{what} when ready again");
    }
    Ok(())
}

/// What kstatus says, the library itself.
fn verdict(object: &Value) -> Result<String> {
    let kstatus = Go::kstatus()?.map_err(|missing| anyhow!("{missing}"))?;
    let mut child = kstatus.command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().context("stdin is piped")?.write_all(object.to_string().as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "kstatus: {}", output.status);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(said.split_whitespace().next().unwrap_or_default().to_owned())
}
