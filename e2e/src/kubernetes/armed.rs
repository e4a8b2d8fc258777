//! An operator of one namespace that dies after so many calls.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::Space;
use crate::process::output_of;

const KUSTOMIZATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/kustomize/namespaced");
/// Built with the feature `crash-points`.
const IMAGE: &str = "gantry-crash/operator";
const POD: &str = "operator";
const DEATH_IS_TOLD: Duration = Duration::from_secs(4);

/// The operator of a space, installed with the rights of the one-namespace mode.
#[derive(Clone, Copy, Debug)]
pub struct Armed<'a> {
    space: &'a Space,
}

impl<'a> Armed<'a> {
    /// Makes all but the operator itself.
    pub fn install(space: &'a Space) -> Result<Self> {
        let others: Vec<Value> =
            objects(&space.name)?.into_iter().filter(|one| one["kind"] != "Deployment").collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": others});
        space.kubectl.apply(&list.to_string())?;
        Ok(Self { space })
    }

    /// Starts it anew. It dies before the call after so many, and is restarted by the kubelet; then it goes on.
    pub fn start(self, dies_after: Option<u32>) -> Result<()> {
        let kubectl = &self.space.kubectl;
        // Waits for its end: one that is still there, forgotten by the API server, would do the work of the next.
        kubectl.run(&["delete", "pod", POD, "--ignore-not-found", "--wait=true", "--timeout=60s"])?;
        kubectl.apply(&pod(&self.space.name, dies_after)?.to_string())
    }

    /// Whether it died since it was started. The last calls follow what can be waited for (events), and the kubelet tells of
    /// a death a moment later: so a no takes a few seconds.
    pub fn died(self) -> Result<bool> {
        let give_up = Instant::now() + DEATH_IS_TOLD;
        while !self.died_by_now()? {
            if Instant::now() > give_up {
                return Ok(false);
            }
            thread::sleep(Duration::from_millis(500));
        }
        Ok(true)
    }

    fn died_by_now(self) -> Result<bool> {
        let found = self.space.kubectl.get(&["pod", POD])?;
        let status = &found["status"]["containerStatuses"][0];
        Ok(status["restartCount"].as_u64().unwrap_or(0) > 0 || !status["state"]["terminated"].is_null())
    }

    /// Calls that changed something since it was started.
    pub fn calls(self) -> Result<u32> {
        let path = format!("/api/v1/namespaces/{}/pods/{POD}:8080/proxy/metrics", self.space.name);
        let metrics = self.space.kubectl.run(&["get", "--raw", &path])?;
        let lines = metrics.lines().filter(|line| line.starts_with("gantry_operator_writes_total"));
        Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u32>().ok()).sum())
    }
}

fn objects(namespace: &str) -> Result<Vec<Value>> {
    ensure!(Path::new(KUSTOMIZATION).is_dir(), "{KUSTOMIZATION} is not there");
    let text = output_of(Command::new("kubectl").args(["kustomize", KUSTOMIZATION]))?;
    let text = text.replace("gantry-system", namespace);
    serde_yaml::Deserializer::from_str(&text).map(|one| Ok(Value::deserialize(one)?)).collect()
}

/// The Deployment's pod, alone: it keeps its name, and with that the leadership.
fn pod(namespace: &str, dies_after: Option<u32>) -> Result<Value> {
    let all = objects(namespace)?;
    let deployment = all.iter().find(|one| one["kind"] == "Deployment").context("a Deployment")?;
    let mut spec = deployment["spec"]["template"]["spec"].clone();
    let image = spec["containers"][0]["image"].as_str().context("an image")?;
    let tag = image.rsplit_once(':').context("an image with a tag")?.1;
    let (image, mount) = (format!("{IMAGE}:{tag}"), json!([{"name": "mark", "mountPath": "/mark"}]));
    let container = &mut spec["containers"][0];
    container["image"] = image.into();
    container["volumeMounts"] = mount;
    let env = container["env"].as_array_mut().context("an environment")?;
    env.push(json!({"name": "GANTRY_OPERATOR_CRASH_MARK", "value": "/mark/died"}));
    if let Some(calls) = dies_after {
        env.push(json!({"name": "GANTRY_OPERATOR_CRASH_AFTER", "value": calls.to_string()}));
    }
    spec["volumes"] = json!([{"name": "mark", "emptyDir": {}}]);
    spec["terminationGracePeriodSeconds"] = 1.into();
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    Ok(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD, "labels": labels}, "spec": spec}))
}
