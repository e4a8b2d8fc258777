//! What cannot work is said, with what to do about it; nothing is lost, and others go on.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use gantry_e2e::case::{self, Client, Stage};
use gantry_e2e::kubernetes::Space;
use serde_json::{Value, json};

use crate::clients::Pod;
use crate::{Named, Needs};

pub(crate) const TRIALS: [Named; 5] = [
    ("troubles::name-that-is-taken", Needs::Nothing, taken_name),
    ("troubles::missing-references", Needs::Nothing, missing_references),
    ("troubles::unreachable-broker", Needs::Nothing, unreachable_broker),
    ("troubles::setting-that-the-broker-refuses", Needs::Nothing, refused_setting),
    ("troubles::full-disk", Needs::Java, full_disk),
];

const READY: Duration = Duration::from_secs(90);
const TOLD: Duration = Duration::from_secs(60);
const LIMIT: Duration = Duration::from_secs(400);
const QUICKSTART: &str = "quickstart.yaml";

fn object(kind: &str, name: &str, spec: &Value) -> String {
    json!({"apiVersion": "gantry.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
        .to_string()
}

/// Waits until the Ready condition is not true for this reason, and gives its message.
fn told(space: &Space, what: &str, reason: &str) -> Result<String> {
    let ready = || -> Result<Value> {
        let object = space.kubectl.get(&[what])?;
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        Ok(conditions.into_iter().find(|one| one["type"] == "Ready").unwrap_or_default())
    };
    let fact = format!("{what} is not ready because {reason}");
    let tried = space.kubectl.await_fact(&fact, TOLD, |_| {
        let ready = ready()?;
        Ok(ready["status"].as_str().is_some_and(|status| status != "True") && ready["reason"] == reason)
    });
    tried.with_context(|| format!("Ready: {:?}", ready()))?;
    Ok(ready()?["message"].as_str().unwrap_or_default().to_owned())
}

fn missing_references() -> Result<()> {
    let space = Space::new("missing")?;
    let group = json!({"nameServerRef": {"name": "later"}, "storage": {"size": "1Gi"}});
    space.kubectl.apply(&object("BrokerGroup", "main", &group))?;
    space.kubectl.apply(&object("Topic", "orders", &json!({"brokerGroups": ["nobody"]})))?;
    let said = told(&space, "brokergroup/main", "NameServerNotFound")?;
    ensure!(said.contains("no NameServer later") && said.contains("spec.nameServerRef"), "{said}");
    let said = told(&space, "topic/orders", "BrokerGroupNotFound")?;
    ensure!(said.contains("nobody") && said.contains("make it"), "{said}");

    space.kubectl.apply(&object("NameServer", "later", &json!({})))?;
    space.kubectl.apply(&object("BrokerGroup", "nobody", &group))?;
    space.await_all_ready(READY)
}

/// An address that nothing listens on: a Service without pods.
fn unreachable_broker() -> Result<()> {
    let space = Space::new("unreachable")?;
    space.apply_example(QUICKSTART, READY)?;
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "nowhere"}, "spec": {"ports": [{"port": 10911}]}
    });
    space.kubectl.apply(&service.to_string())?;
    let address = format!("nowhere.{}.svc:10911", space.name);
    let spec = json!({"brokerAddresses": [address]});
    space.kubectl.apply(&object("Topic", "elsewhere", &spec))?;
    space.kubectl.apply(&object("ConsumerGroup", "elsewhere", &spec))?;
    for what in ["topic/elsewhere", "consumergroup/elsewhere"] {
        let said = told(&space, what, "BrokerUnreachable")?;
        ensure!(said.contains(&address), "{said}");
    }
    // The others go on.
    space.kubectl.patch("topic/orders", &json!({"spec": {"queues": 6}}))?;
    space.kubectl.await_ready("topic/orders", TOLD)
}

/// A NameServer and a BrokerGroup of one name want the same StatefulSet; a user's object is left alone.
fn taken_name() -> Result<()> {
    let space = Space::new("taken")?;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "other"}});
    space.kubectl.apply(&account.to_string())?;
    space.kubectl.apply(&object("NameServer", "main", &json!({})))?;
    space.await_all_ready(READY)?;
    let group = json!({"nameServerRef": {"name": "main"}, "storage": {"size": "1Gi"}});
    for name in ["main", "other"] {
        space.kubectl.apply(&object("BrokerGroup", name, &group))?;
        let said = told(&space, &format!("brokergroup/{name}"), "Refused")?;
        ensure!(said.contains("is there already") && said.contains("another name"), "{said}");
        space.kubectl.await_condition(&format!("brokergroup/{name}"), "Stalled", TOLD)?;
    }
    ensure!(space.kubectl.get(&["serviceaccount/other"])?["metadata"]["ownerReferences"].is_null());
    space.kubectl.await_ready("nameserver/main", READY)
}

fn refused_setting() -> Result<()> {
    let space = Space::new("setting")?;
    space.apply_example(QUICKSTART, READY)?;
    space.kubectl.patch("brokergroup/main", &json!({"spec": {"config": {"maxMessageSize": "plenty"}}}))?;
    space.kubectl.await_condition("brokergroup/main", "Stalled", READY)?;
    let said = told(&space, "brokergroup/main", "Crashing")?;
    ensure!(said.contains("maxMessageSize"), "{said}");
    space.kubectl.patch("brokergroup/main", &json!({"spec": {"config": null}}))?;
    space.await_all_ready(READY)
}

/// The node's disk is taken for full: it is used above a share that every disk in use is above. The broker is in the
/// state of one whose disk is full, and a client that sends all the while loses nothing.
fn full_disk() -> Result<()> {
    let space = Space::new("full")?;
    space.apply_example(QUICKSTART, READY)?;
    let fill = |space: &Space| -> Result<()> {
        space.kubectl.patch(
            "brokergroup/main",
            &json!({"spec": {"config": {"diskSpaceWarningLevelRatio": "0.000001"}}}),
        )?;
        let said = told(space, "brokergroup/main", "DiskFull")?;
        ensure!(said.contains("spec.storage.size") && said.contains("fileReservedTime"), "{said}");
        space.kubectl.await_condition("brokergroup/main", "Stalled", TOLD)?;
        space.kubectl.patch("brokergroup/main", &json!({"spec": {"config": null}}))?;
        space.await_all_ready(READY)
    };
    let mut pod = Pod::new(&space, fill)?;
    case::run(Client::Java5, "steady-traffic", &["orders"], &mut Stage::Elsewhere(&mut pod), LIMIT)
}
