//! An edited object ends equal to a fresh one.

use std::time::Duration;

use anyhow::{Result, ensure};
use gantry_e2e::kubernetes::{Space, operator};
use serde_json::{Value, json};

use crate::objects::{made, same};
use crate::{Named, Needs};

/// Changes the operator itself, so nothing else may run.
pub(crate) const OF_THE_OPERATOR: [Named; 1] =
    [("edits::upgraded-operator-restarts-nobody", Needs::Nothing, upgraded_operator_restarts_nobody)];

pub(crate) const TRIALS: [Named; 2] = [
    ("edits::edited-equals-fresh", Needs::Nothing, edited_equals_fresh),
    ("edits::volumes-and-data-outlive-the-group", Needs::Nothing, data_outlives_the_group),
];

const READY: Duration = Duration::from_secs(90);

const BEFORE: &str = r#"
apiVersion: gantry.dev/v1alpha1
kind: NameServer
metadata: {name: names}
spec: {replicas: 1, resources: {requests: {cpu: 10m}}}
---
apiVersion: gantry.dev/v1alpha1
kind: BrokerGroup
metadata: {name: main}
spec:
  nameServerRef: {name: names}
  storage: {size: 2Gi}
  config: {maxMessageSize: "1048576", fileReservedTime: "48"}
  resources: {requests: {memory: 32Mi}}
  scheduling: {nodeSelector: {kubernetes.io/os: linux}}
  external: {type: NodePort, host: before.example.com}
  networkPolicy: {enabled: true}
"#;

/// Every field that can change has changed; some are gone.
const AFTER: &str = r#"
apiVersion: gantry.dev/v1alpha1
kind: NameServer
metadata: {name: names}
spec:
  replicas: 2
  resources: {requests: {cpu: 20m, memory: 16Mi}}
  scheduling: {tolerations: [{key: a, operator: Exists}]}
  external: {type: NodePort, host: after.example.com}
---
apiVersion: gantry.dev/v1alpha1
kind: BrokerGroup
metadata: {name: main}
spec:
  nameServerAddresses: ["names-headless:9876"]
  storage: {size: 2Gi, deletionPolicy: Delete}
  flushMode: Sync
  config: {maxMessageSize: "2097152", deleteWhen: "05"}
  resources: {limits: {memory: 1Gi}}
  scheduling: {tolerations: [{key: b, operator: Exists}], priorityClassName: system-cluster-critical}
  leaveSeconds: 5
  networkPolicy: {enabled: false}
"#;

fn edited_equals_fresh() -> Result<()> {
    let edited = Space::new("edited")?;
    edited.kubectl.apply(BEFORE)?;
    edited.await_all_ready(READY)?;
    let less = json!({"spec": {"storage": {"size": "1Gi"}}}).to_string();
    let shrunk = edited.kubectl.run(&["patch", "brokergroup/main", "--type=merge", "-p", &less]);
    ensure!(shrunk.as_ref().is_err_and(|said| said.to_string().contains("they only grow")), "{shrunk:?}");
    edited.kubectl.apply(AFTER)?;
    edited.await_all_ready(READY)?;
    let fresh = Space::new("fresh")?;
    fresh.kubectl.apply(AFTER)?;
    fresh.await_all_ready(READY)?;
    same(&made(&edited)?, &made(&fresh)?)
}

fn upgraded_operator_restarts_nobody() -> Result<()> {
    let space = Space::new("upgrade")?;
    space.apply_example("quickstart.yaml", READY)?;
    let uids = || -> Result<Vec<Value>> {
        let pods = space.kubectl.get(&["pods"])?;
        Ok(pods["items"].as_array().into_iter().flatten().map(|pod| pod["metadata"]["uid"].clone()).collect())
    };
    let before = uids()?;
    // What a new version brings: another operator, and other images for those that come.
    operator::upgrade(&["--set", "image.broker=gantry/broker-next", "--set", "podAnnotations.version=next"])?;
    space.kubectl.patch("topic/orders", &json!({"spec": {"queues": 6}}))?;
    space.await_all_ready(READY)?;
    let after = uids()?;
    operator::upgrade(&["--set", "image.broker=gantry/broker", "--set", "podAnnotations=null"])?;
    ensure!(before == after, "pods were made anew");
    let main = space.kubectl.get(&["brokergroup/main"])?;
    ensure!(
        main["status"]["image"].as_str().is_some_and(|image| image.starts_with("gantry/broker:")),
        "{main}"
    );
    Ok(())
}

fn data_outlives_the_group() -> Result<()> {
    let space = Space::new("outlives")?;
    space.apply_example("quickstart.yaml", READY)?;
    let claim =
        || Ok::<_, anyhow::Error>(space.kubectl.get(&["pvc/data-main-0"])?["metadata"]["uid"].clone());
    let before = claim()?;
    space.kubectl.run(&["delete", "brokergroup/main", "--wait=true"])?;
    space.kubectl.await_gone("pod/main-0", READY)?;
    ensure!(claim()? == before, "the volume went with the group");
    space.apply_example("quickstart.yaml", READY)?;
    ensure!(claim()? == before, "the group has another volume");
    // And goes with it when that is asked for.
    space.kubectl.patch("brokergroup/main", &json!({"spec": {"storage": {"deletionPolicy": "Delete"}}}))?;
    space.kubectl.await_ready("brokergroup/main", READY)?;
    space.kubectl.run(&["delete", "brokergroup/main", "--wait=true"])?;
    space.kubectl.await_gone("pvc/data-main-0", READY)
}
