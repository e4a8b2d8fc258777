//! A client that sends and consumes throughout loses nothing, whatever is done to the servers.

use std::time::Duration;

use anyhow::{Result, ensure};
use gantry_e2e::case::{self, Client, Stage};
use gantry_e2e::kubernetes::{Space, operator};
use serde_json::{Value, json};

use crate::clients::Pod;
use crate::{Named, Needs};

pub(crate) const TRIALS: [Named; 6] = [
    ("disturb::broker-pod-deleted", Needs::Java, || steadily("deleted", |space| delete_pod(space, "main-0"))),
    ("disturb::broker-pod-killed", Needs::Java, || steadily("killed", kill_broker)),
    ("disturb::name-server-moved", Needs::Java, || steadily("moved", |space| delete_pod(space, "names-0"))),
    ("disturb::name-servers-scaled", Needs::Java, || steadily("scaled", scale_name_servers)),
    ("disturb::node-drained", Needs::Java, || steadily("drained", drain)),
    ("disturb::operator-killed-mid-change", Needs::Java, || steadily("operator", kill_operator_mid_change)),
];

const READY: Duration = Duration::from_secs(90);
const LIMIT: Duration = Duration::from_secs(400);

/// Disturbs a quickstart while a Java client in a pod uses it.
fn steadily(what: &str, disturb: fn(&Space) -> Result<()>) -> Result<()> {
    let space = Space::new(what)?;
    space.apply_example("quickstart.yaml", READY)?;
    let mut pod = Pod::new(&space, disturb)?;
    case::run(Client::Java5, "steady-traffic", &["orders"], &mut Stage::Elsewhere(&mut pod), LIMIT)
}

fn uid(space: &Space, pod: &str) -> Result<Value> {
    Ok(space.kubectl.get(&["pod", pod])?["metadata"]["uid"].clone())
}

/// Deletes a pod and waits until another one of its name is ready.
fn delete_pod(space: &Space, pod: &str) -> Result<()> {
    let before = uid(space, pod)?;
    space.kubectl.run(&["delete", "pod", pod])?;
    another_is_ready(space, pod, &before)
}

fn kill_broker(space: &Space) -> Result<()> {
    let before = uid(space, "main-0")?;
    space.kubectl.run(&["delete", "pod", "main-0", "--grace-period=0", "--force"])?;
    another_is_ready(space, "main-0", &before)
}

fn another_is_ready(space: &Space, pod: &str, before: &Value) -> Result<()> {
    space.kubectl.await_fact(&format!("another {pod} is ready"), READY, |kubectl| {
        let found = kubectl.get(&["pod", pod])?;
        let conditions = found["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let ready = conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True");
        Ok(ready && found["metadata"]["uid"] != *before)
    })?;
    space.await_all_ready(READY)
}

/// One to three and back; the broker is not restarted.
fn scale_name_servers(space: &Space) -> Result<()> {
    let before = uid(space, "main-0")?;
    for replicas in [3, 1] {
        space.kubectl.run(&["scale", "nameserver/names", &format!("--replicas={replicas}")])?;
        space.kubectl.await_ready("nameserver/names", READY)?;
        space.kubectl.await_fact(&format!("{replicas} pods are left"), READY, |kubectl| {
            let pods = kubectl.get(&["pods", "-l", "app.kubernetes.io/name=gantry-nameserver"])?;
            Ok(pods["items"].as_array().is_some_and(|pods| pods.len() == replicas))
        })?;
    }
    ensure!(uid(space, "main-0")? == before, "the broker was restarted");
    Ok(())
}

/// Evicts our pods of the namespace, as `kubectl drain` does of a node: through the disruption budgets.
fn drain(space: &Space) -> Result<()> {
    let before = [uid(space, "main-0")?, uid(space, "names-0")?];
    for pod in ["main-0", "names-0"] {
        let eviction = json!({
            "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": space.name}
        });
        let path = format!("/api/v1/namespaces/{}/pods/{pod}/eviction", space.name);
        // A budget says "not yet" while the pod before is away, and drain asks again.
        space.kubectl.await_fact(&format!("{pod} may be evicted"), READY, |kubectl| {
            let (code, _, said) =
                kubectl.outcome(&["create", "--raw", &path, "-f", "-"], &eviction.to_string())?;
            ensure!(code == 0 || said.contains("disruption budget"), "{said}");
            Ok(code == 0)
        })?;
    }
    another_is_ready(space, "main-0", &before[0])?;
    another_is_ready(space, "names-0", &before[1])
}

/// The operator dies right after a change was asked for; the next one finishes it.
fn kill_operator_mid_change(space: &Space) -> Result<()> {
    let before = uid(space, "main-0")?;
    space.kubectl.patch("brokergroup/main", &json!({"spec": {"flushMode": "Sync"}}))?;
    let pods = "app.kubernetes.io/name=gantry-operator";
    operator::kubectl().run(&["delete", "pod", "-l", pods, "--grace-period=0", "--force"])?;
    space.kubectl.await_ready("brokergroup/main", READY)?;
    ensure!(uid(space, "main-0")? != before, "the change was not made");
    let map = space.kubectl.get(&["configmap/main-config"])?;
    let conf = map["data"]["broker.conf"].as_str().unwrap_or_default();
    ensure!(conf.contains("flushDiskType=SYNC_FLUSH"), "{conf}");
    Ok(())
}
