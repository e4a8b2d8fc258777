//! The operator dies after each single call of a life: it always ends where an operator ends that does not die.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use gantry_e2e::kubernetes::{Armed, Kubectl, Space};
use serde_json::{Value, json};

use crate::objects::{made, same};
use crate::{Named, Needs};

pub(crate) const TRIALS: [Named; 1] = [("crash::after-every-call", Needs::Nothing, after_every_call)];

const READY: Duration = Duration::from_secs(120);
/// Lives at the same time: each is one operator, one name server, one broker.
const AT_A_TIME: usize = 4;
/// Calls more than a life without a crash took: a restart may add some.
const MORE: u32 = 2;

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

const CHANGE: &str = r#"
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
---
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

/// A part of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Create,
    Change,
    Grow,
    /// Topic and group are deleted, on the broker too: they can be made again without taking over what is there.
    DeleteOnBroker,
    DeleteAll,
}

impl Step {
    const ALL: [Self; 5] = [Self::Create, Self::Change, Self::Grow, Self::DeleteOnBroker, Self::DeleteAll];

    fn act(self, space: &Space) -> Result<()> {
        let kubectl = &space.kubectl;
        match self {
            Self::Create => kubectl.apply(CREATE)?,
            Self::Change => kubectl.apply(CHANGE)?,
            Self::Grow => {
                kubectl.patch("brokergroup/main", &json!({"spec": {"storage": {"size": "2Gi"}}}))?;
                return await_grown(kubectl);
            }
            Self::DeleteOnBroker => {
                kubectl.run(&["delete", "topic,consumergroup", "--all", "--wait=true", "--timeout=90s"])?;
                kubectl.apply(CHANGE)?;
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

/// What a life without a crash looks like.
#[derive(Default)]
struct Usual {
    calls: BTreeMap<Step, u32>,
    objects: BTreeMap<Step, Vec<Value>>,
}

fn after_every_call() -> Result<()> {
    let class = growing_class()?;
    let usual = usual_life()?;
    println!("calls of a life without a crash: {:?}", usual.calls);
    let most = usual.calls.values().max().copied().unwrap_or(0) + MORE;
    let died: Mutex<BTreeMap<Step, u32>> = Mutex::default();
    let failed: Mutex<Vec<String>> = Mutex::default();
    let next = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let calls = next.fetch_add(1, Ordering::Relaxed);
                    if calls > most {
                        return;
                    }
                    if let Err(error) = life(calls, &usual, &died) {
                        let mut failed = failed.lock().expect("nobody panics with it");
                        failed.push(format!("dying after {calls} calls: {error:#}"));
                    }
                }
            });
        }
    });
    drop(class);
    let (died, failed) = (died.into_inner()?, failed.into_inner()?);
    for step in Step::ALL {
        let (calls, died) = (usual.calls.get(&step).unwrap_or(&0), died.get(&step).unwrap_or(&0));
        println!("{step:?}: {calls} calls, {died} deaths");
        // How many calls there are varies a little with what is seen when; each that there was is one at which it died.
        ensure!(
            !failed.is_empty() || died + MORE >= *calls && died > &0,
            "only {died} deaths in {step:?}, which makes {calls} calls"
        );
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n\n"));
    Ok(())
}

fn usual_life() -> Result<Usual> {
    let space = Space::new("usual")?;
    let operator = Armed::install(&space)?;
    let mut usual = Usual::default();
    for step in Step::ALL {
        operator.start(None)?;
        step.act(&space).with_context(|| format!("{step:?} without a crash"))?;
        usual.calls.insert(step, settled(operator)?);
        usual.objects.insert(step, made(&space)?);
    }
    Ok(usual)
}

/// Calls, when there come no more: events follow what can be waited for.
fn settled(operator: Armed<'_>) -> Result<u32> {
    let mut before = operator.calls()?;
    loop {
        thread::sleep(Duration::from_secs(2));
        let now = operator.calls()?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
}

/// One operator dies before the call after `calls` of each step.
fn life(calls: u32, usual: &Usual, died: &Mutex<BTreeMap<Step, u32>>) -> Result<()> {
    let space = Space::new(&format!("crash-{calls}"))?;
    let operator = Armed::install(&space)?;
    let mut deaths = Vec::new();
    for step in Step::ALL {
        let reaches = usual.calls.get(&step).is_some_and(|usual| calls <= usual + MORE);
        if reaches || step == Step::Create {
            operator.start(reaches.then_some(calls))?;
        }
        step.act(&space).with_context(|| format!("{step:?}"))?;
        if reaches && operator.died()? {
            *died.lock().map_err(|e| anyhow!("{e}"))?.entry(step).or_default() += 1;
            deaths.push(step);
        }
        let should = usual.objects.get(&step).context("every step was made")?;
        same(&made(&space)?, should).with_context(|| format!("after {step:?}"))?;
    }
    println!("after {calls} calls it died in {deaths:?}, and all ended as usual");
    Ok(())
}

/// The default class under another name, with growth allowed; it goes with its owner.
fn growing_class() -> Result<Class> {
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

struct Class;

impl Drop for Class {
    fn drop(&mut self) {
        let _ = Kubectl::default().run(&["delete", "storageclass", GROWING, "--ignore-not-found"]);
    }
}
