//! An ordered topic is grown by a patch, under load; its columns tell the story.

use std::fs::{self, File};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gantry_e2e::case::{self, Client, Stage};
use gantry_e2e::kubernetes::{Space, operator};
use gantry_e2e::process::spawn;
use gantry_e2e::work_folder::WorkFolder;
use serde_json::{Value, json};

use crate::clients::Pod;
use crate::life::has_scaled;
use crate::{Named, Needs};

pub(crate) const TRIALS: [Named; 2] = [
    ("scaling::patched-under-load", Needs::Java, || steadily("grown", grow)),
    ("scaling::approved-by-annotation", Needs::Nothing, approved),
];

const READY: Duration = Duration::from_secs(120);
const LIMIT: Duration = Duration::from_secs(400);

fn topic(scaling: &Value) -> String {
    let spec = json!({"brokerGroups": ["main"], "queues": 4, "ordered": true, "scaling": scaling});
    let object = json!({"apiVersion": "gantry.dev/v1alpha1", "kind": "Topic", "metadata": {"name": "payments"}, "spec": spec});
    object.to_string()
}

fn steadily(what: &str, disturb: fn(&Space) -> Result<()>) -> Result<()> {
    let space = Space::new(what)?;
    space.apply_example("quickstart.yaml", READY)?;
    // The clients of this trial look for new queues every second.
    space.kubectl.apply(&topic(&json!({"settleSeconds": 5})))?;
    space.await_all_ready(READY)?;
    let mut pod = Pod::new(&space, disturb)?;
    case::run(Client::Java5, "steady-traffic", &["payments"], &mut Stage::Elsewhere(&mut pod), LIMIT)
}

/// 4 to 8, as a person does it; then 8 to 16 with an operator that dies on the way.
fn grow(space: &Space) -> Result<()> {
    let folder = WorkFolder::new("watch")?;
    let told = folder.path().join("told");
    let mut watch = space.kubectl.command(&["get", "topic.gantry.dev", "payments", "--watch"]);
    watch.stdout(File::create(&told)?).stderr(Stdio::null()).stdin(Stdio::null());
    let mut watch = spawn(watch).context("kubectl get --watch")?;
    let grown = grow_watched(space);
    // Both fail only when it is gone already.
    let _ = watch.kill();
    let _ = watch.wait();
    grown?;
    let told = fs::read_to_string(&told)?;
    for part in ["4 -> 8: announced", "4 -> 8: done", "8 -> 16: announced", "8 -> 16: done"] {
        ensure!(told.contains(part), "the columns never said {part:?}:\n{told}");
    }
    Ok(())
}

fn grow_watched(space: &Space) -> Result<()> {
    let patch =
        |queues: i32| space.kubectl.patch("topic.gantry.dev/payments", &json!({"spec": {"queues": queues}}));
    patch(8)?;
    space.kubectl.await_fact("the scale is on its way", READY, |kubectl| {
        Ok(kubectl.get(&["topic.gantry.dev/payments"])?["status"]["scale"]["to"] == 8)
    })?;
    space.kubectl.await_ready("topic.gantry.dev/payments", READY)?;
    has_scaled(&space.kubectl, 8)?;
    patch(16)?;
    space.kubectl.await_fact("the scale is on its way", READY, |kubectl| {
        Ok(kubectl.get(&["topic.gantry.dev/payments"])?["status"]["scale"]["to"] == 16)
    })?;
    let pods = "app.kubernetes.io/name=gantry-operator";
    operator::kubectl().run(&["delete", "pod", "-l", pods, "--grace-period=0", "--force"])?;
    space.kubectl.await_ready("topic.gantry.dev/payments", READY)?;
    has_scaled(&space.kubectl, 16)
}

/// Nothing is done until somebody says that this change is wanted.
fn approved() -> Result<()> {
    let space = Space::new("approved")?;
    space.apply_example("quickstart.yaml", READY)?;
    space.kubectl.apply(&topic(&json!({"settleSeconds": 0, "approval": "Manual"})))?;
    space.await_all_ready(READY)?;
    space.kubectl.patch("topic.gantry.dev/payments", &json!({"spec": {"queues": 8}}))?;
    let ready = |object: &Value| {
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.into_iter().find(|one| one["type"] == "Ready").unwrap_or_default()
    };
    space.kubectl.await_fact("it waits to be approved", READY, |kubectl| {
        let ready = ready(&kubectl.get(&["topic.gantry.dev/payments"])?);
        let says = ready["message"].as_str().unwrap_or_default().contains("gantry.dev/approve-scale=4-8");
        Ok(ready["reason"] == "WaitingForApproval" && says)
    })?;
    let object = space.kubectl.get(&["topic.gantry.dev/payments"])?;
    ensure!(object["status"]["brokers"][0]["writeQueues"] == 4, "{}", object["status"]);
    space.kubectl.run(&["annotate", "topic.gantry.dev/payments", "gantry.dev/approve-scale=4-8"])?;
    space.kubectl.await_ready("topic.gantry.dev/payments", READY)?;
    has_scaled(&space.kubectl, 8)
}
