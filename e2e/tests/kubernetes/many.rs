//! Several clusters and a thousand topics under one operator.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use gantry_e2e::kubernetes::{Kubectl, Space, operator};
use serde_json::{Value, json};

use crate::{Named, Needs};

pub(crate) const TRIALS: [Named; 1] = [("many::thousand-topics-then-silence", Needs::Time, thousand_topics)];

const READY: Duration = Duration::from_secs(90);
const ALL_READY: Duration = Duration::from_secs(240);
/// Topics of each of two clusters.
const TOPICS: usize = 500;
/// Longer than twice the time after which every object is compared with the brokers.
const SILENCE: Duration = Duration::from_secs(70);
const MEMORY: f64 = 64.0 * 1024.0 * 1024.0;

fn thousand_topics() -> Result<()> {
    let spaces = [Space::new("many-a")?, Space::new("many-b")?];
    for space in &spaces {
        space.kubectl.apply(&cluster().to_string())?;
    }
    for space in &spaces {
        space.await_all_ready(READY)?;
    }
    let began = Instant::now();
    for space in &spaces {
        // One request each: apply makes three.
        space.kubectl.run_with(&["create", "-f", "-"], &topics().to_string())?;
    }
    let created = began.elapsed();
    for space in &spaces {
        space.kubectl.await_ready("topic --all", ALL_READY)?;
    }
    println!("{} topics made in {created:.1?}, ready after {:.1?}", 2 * TOPICS, began.elapsed());

    // Events follow the conditions that are waited for.
    std::thread::sleep(Duration::from_secs(5));
    let before = Told::now()?;
    let versions = resource_versions(&spaces)?;
    std::thread::sleep(SILENCE);
    let after = Told::now()?;
    ensure!(resource_versions(&spaces)? == versions, "objects were written");
    println!(
        "in {} s: {} writes, {} rounds; {:.1} MiB",
        SILENCE.as_secs(),
        after.writes - before.writes,
        after.rounds - before.rounds,
        after.memory / 1024.0 / 1024.0
    );
    ensure!(after.writes == before.writes, "{} writes while nothing changed", after.writes - before.writes);
    ensure!(after.rounds >= before.rounds + 2.0 * TOPICS as f64, "it did not look at its objects");
    ensure!(after.memory < MEMORY, "{} bytes of memory", after.memory);
    Ok(())
}

/// Two name servers and a broker, twice.
fn cluster() -> Value {
    let object = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "gantry.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    let group = |names: &str| json!({"nameServerRef": {"name": names}, "storage": {"size": "1Gi"}});
    list(vec![
        object("NameServer", "names-1", json!({"replicas": 1})),
        object("NameServer", "names-2", json!({"replicas": 2})),
        object("BrokerGroup", "main-1", group("names-1")),
        object("BrokerGroup", "main-2", group("names-2")),
    ])
}

fn topics() -> Value {
    let topic = |number: usize| {
        let spec = json!({"brokerGroups": [format!("main-{}", number % 2 + 1)], "queues": 4});
        let name = format!("topic-{number}");
        json!({"apiVersion": "gantry.dev/v1alpha1", "kind": "Topic", "metadata": {"name": name}, "spec": spec})
    };
    list((0..TOPICS).map(topic).collect())
}

fn list(items: Vec<Value>) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "items": items})
}

/// Changes with every write to any object of these kinds.
fn resource_versions(spaces: &[Space]) -> Result<Vec<String>> {
    let kinds = "gantry,pods,services,configmaps,statefulsets,serviceaccounts,poddisruptionbudgets,networkpolicies,events";
    let columns = "custom-columns=KIND:.kind,NAME:.metadata.name,VERSION:.metadata.resourceVersion";
    spaces.iter().map(|space| space.kubectl.run(&["get", kinds, "-o", columns])).collect()
}

/// What the operator says of itself, and the kubelet of it.
struct Told {
    writes: f64,
    rounds: f64,
    memory: f64,
}

impl Told {
    fn now() -> Result<Self> {
        let pods = operator::kubectl().get(&["pods", "-l", "app.kubernetes.io/name=gantry-operator"])?;
        let pod = &pods["items"][0];
        let text = |value: &Value| value.as_str().map(str::to_owned).context("a pod of the operator");
        let (name, node) = (text(&pod["metadata"]["name"])?, text(&pod["spec"]["nodeName"])?);
        let cluster = Kubectl::default();
        let path = format!("/api/v1/namespaces/{}/pods/{name}:8080/proxy/metrics", operator::NAMESPACE);
        let metrics = cluster.run(&["get", "--raw", &path])?;
        let stats: Value = serde_json::from_str(&cluster.run(&[
            "get",
            "--raw",
            &format!("/api/v1/nodes/{node}/proxy/stats/summary"),
        ])?)?;
        let pods = stats["pods"].as_array().cloned().unwrap_or_default();
        let used = pods.iter().find(|one| one["podRef"]["name"] == name.as_str()).map(|one| &one["memory"]);
        Ok(Self {
            writes: sum(&metrics, "gantry_operator_writes_total"),
            rounds: sum(&metrics, "gantry_operator_reconcile_duration_seconds_count"),
            memory: used
                .and_then(|memory| memory["workingSetBytes"].as_f64())
                .context("the kubelet knows the pod's memory")?,
        })
    }
}

/// The sum of a metric over its labels.
fn sum(metrics: &str, name: &str) -> f64 {
    let lines = metrics.lines().filter(|line| line.starts_with(name));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
