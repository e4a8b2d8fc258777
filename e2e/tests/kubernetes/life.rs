//! The life of a cluster with a topic and a group, in which an operator makes each of its calls.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use gantry_e2e::kubernetes::{Kubectl, Space};
use serde_json::{Value, json};

use crate::objects::made;

const READY: Duration = Duration::from_secs(120);

/// A StorageClass whose volumes may grow, whether or not somebody does it.
const GROWING: &str = "gantry-e2e-growing";

const CREATE: &str = r#"
apiVersion: gantry.dev/v1alpha1
kind: NameServer
metadata: {name: names}
spec: {replicas: 1}
---
apiVersion: gantry.dev/v1alpha1
kind: BrokerGroup
metadata: {name: main}
spec:
  nameServerRef: {name: names}
  storage: {size: 1Gi, className: gantry-e2e-growing}
  leaveSeconds: 0
---
apiVersion: gantry.dev/v1alpha1
kind: Topic
metadata: {name: orders}
spec: {brokerGroups: [main], queues: 4, deletionPolicy: Delete}
---
apiVersion: gantry.dev/v1alpha1
kind: ConsumerGroup
metadata: {name: billing}
spec: {brokerGroups: [main], deletionPolicy: Delete}
"#;

const CHANGED_SERVERS: &str = r#"
apiVersion: gantry.dev/v1alpha1
kind: NameServer
metadata: {name: names}
spec:
  replicas: 1
  external: {type: NodePort, host: out.example.com}
---
apiVersion: gantry.dev/v1alpha1
kind: BrokerGroup
metadata: {name: main}
spec:
  nameServerRef: {name: names}
  storage: {size: 1Gi, className: gantry-e2e-growing}
  leaveSeconds: 0
  flushMode: Sync
  config: {fileReservedTime: "24"}
  external: {type: NodePort, host: out.example.com}
  networkPolicy: {enabled: true}
"#;

const CHANGED_ON_BROKER: &str = r#"
apiVersion: gantry.dev/v1alpha1
kind: Topic
metadata: {name: orders}
spec: {brokerGroups: [main], queues: 8, deletionPolicy: Delete}
---
apiVersion: gantry.dev/v1alpha1
kind: ConsumerGroup
metadata: {name: billing}
spec:
  brokerGroups: [main]
  deletionPolicy: Delete
  retry: {maxAttempts: 3}
  offsetReset: {token: once, to: Latest}
"#;

const ORDERED: &str = r#"
apiVersion: gantry.dev/v1alpha1
kind: Topic
metadata: {name: payments}
spec:
  brokerGroups: [main]
  queues: 4
  ordered: true
  scaling: {settleSeconds: 1, maxSettleSeconds: 1}
"#;

/// A part of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Create,
    Change,
    Grow,
    /// An ordered topic is made, grown, and shrunk.
    Scale,
    /// Topic and group are deleted, on the broker too: they can be made again without taking over what is there.
    DeleteOnBroker,
    DeleteAll,
}

impl Step {
    pub(crate) const ALL: [Self; 6] =
        [Self::Create, Self::Change, Self::Grow, Self::Scale, Self::DeleteOnBroker, Self::DeleteAll];

    pub(crate) fn act(self, space: &Space) -> Result<()> {
        let kubectl = &space.kubectl;
        match self {
            Self::Create => kubectl.apply(CREATE)?,
            Self::Change => {
                kubectl.apply(CHANGED_SERVERS)?;
                kubectl.apply(CHANGED_ON_BROKER)?;
            }
            Self::Grow => {
                kubectl.patch("brokergroup/main", &json!({"spec": {"storage": {"size": "2Gi"}}}))?;
                return await_grown(kubectl);
            }
            Self::Scale => {
                kubectl.apply(ORDERED)?;
                kubectl.await_ready("topic/payments", READY)?;
                for queues in [8, 2] {
                    kubectl.patch("topic/payments", &json!({"spec": {"queues": queues}}))?;
                    kubectl.await_ready("topic/payments", READY)?;
                    has_scaled(kubectl, queues)?;
                }
                return Ok(());
            }
            Self::DeleteOnBroker => {
                kubectl.run(&["delete", "topic,consumergroup", "--all", "--wait=true", "--timeout=90s"])?;
                kubectl.apply(CHANGED_ON_BROKER)?;
                return kubectl.await_ready("topic,consumergroup --all", READY);
            }
            Self::DeleteAll => {
                kubectl.run(&["delete", "gantry", "--all", "--wait=true", "--timeout=90s"])?;
                return kubectl.await_fact("all is gone", READY, |_| Ok(made(space)?.is_empty()));
            }
        }
        kubectl.await_ready("gantry --all", READY)
    }
}

/// The broker and the status of the topic `payments` agree that it has been scaled to so many queues.
pub(crate) fn has_scaled(kubectl: &Kubectl, queues: i32) -> Result<()> {
    let status = kubectl.get(&["topic.gantry.dev/payments"])?["status"].clone();
    let (scale, broker) = (&status["scale"], &status["brokers"][0]);
    let is_done = scale["phase"] == "Done" && scale["to"] == queues && scale["fences"][0].is_i64();
    ensure!(
        is_done && broker["writeQueues"] == queues && broker["readQueues"] == queues,
        "not scaled to {queues}: {status}"
    );
    Ok(())
}

/// The template and the claim have the new size. Whether the volume gets it is up to the platform.
fn await_grown(kubectl: &Kubectl) -> Result<()> {
    kubectl.await_fact("the volume is asked to grow", READY, |kubectl| {
        let (set, claim) = (kubectl.get(&["statefulset/main"])?, kubectl.get(&["pvc/data-main-0"])?);
        let template = &set["spec"]["volumeClaimTemplates"][0]["spec"];
        let group = kubectl.get(&["brokergroup/main"])?;
        let conditions = group["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let told = conditions.iter().any(|one| {
            one["type"] == "Ready"
                && one["observedGeneration"] == group["metadata"]["generation"]
                && (one["status"] == "True" || one["reason"] == "GrowingVolume")
        });
        let is_2gi = |spec: &Value| spec["resources"]["requests"]["storage"] == "2Gi";
        Ok(told
            && is_2gi(template)
            && is_2gi(&claim["spec"])
            && set["metadata"]["deletionTimestamp"].is_null())
    })
}

/// The default class under another name, with growth allowed; it goes with its owner.
pub(crate) fn growing_class() -> Result<Class> {
    let cluster = Kubectl::default();
    let classes = cluster.get(&["storageclasses"])?;
    let is_default = |one: &&Value| {
        one["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
    };
    let all = classes["items"].as_array().cloned().unwrap_or_default();
    let mut class = all.iter().find(is_default).context("a default StorageClass")?.clone();
    class["metadata"] = json!({"name": GROWING});
    class["allowVolumeExpansion"] = true.into();
    cluster.apply(&class.to_string())?;
    Ok(Class)
}

pub(crate) struct Class;

impl Drop for Class {
    fn drop(&mut self) {
        let _ = Kubectl::default().run(&["delete", "storageclass", GROWING, "--ignore-not-found"]);
    }
}
