//! What the operator made in a namespace, comparable with what it made in another.

use anyhow::{Result, ensure};
use gantry_e2e::kubernetes::Space;
use regex::Regex;
use serde_json::Value;

const MADE: &str = "app.kubernetes.io/managed-by=gantry-operator";

/// Fails with the first object that differs.
pub(crate) fn same(is: &[Value], should: &[Value]) -> Result<()> {
    for (is, should) in is.iter().zip(should) {
        ensure!(is == should, "is:     {is}\nshould: {should}");
    }
    let names = |all: &[Value]| {
        all.iter().map(|one| format!("{} {}", one["kind"], one["metadata"]["name"])).collect::<Vec<_>>()
    };
    ensure!(is.len() == should.len(), "is:     {:?}\nshould: {:?}", names(is), names(should));
    Ok(())
}

/// What the operator made, without what differs between two namespaces.
pub(crate) fn made(space: &Space) -> Result<Vec<Value>> {
    let kinds = "serviceaccounts,services,configmaps,statefulsets,poddisruptionbudgets,networkpolicies,pods";
    let found = space.kubectl.get(&[kinds, "-l", MADE])?;
    let mut objects: Vec<Value> = found["items"].as_array().cloned().unwrap_or_default();
    for object in &mut objects {
        strip(object, space);
    }
    objects.sort_by_key(|object| format!("{} {}", object["kind"], object["metadata"]["name"]));
    Ok(objects)
}

fn strip(object: &mut Value, space: &Space) {
    let keep = ["name", "labels", "annotations"];
    if let Some(meta) = object["metadata"].as_object_mut() {
        meta.retain(|key, _| keep.contains(&key.as_str()));
    }
    let spec = &mut object["spec"];
    let addresses = ["clusterIP", "clusterIPs", "nodeName"].map(|key| spec[key].take());
    let pod_parts = ["volumes", "hostname"].map(|key| spec[key].take());
    drop((addresses, pod_parts));
    if let Some(ports) = spec["ports"].as_array_mut() {
        ports.iter_mut().for_each(|port| port["nodePort"] = Value::Null);
    }
    object["status"] = Value::Null;
    // The hash is of a text with addresses and uids in it.
    object["metadata"]["annotations"]["gantry.dev/applied"] = Value::Null;
    object["metadata"]["labels"]["controller-revision-hash"] = Value::Null;
    let text = object.to_string().replace(&space.name, "NAMESPACE");
    // Addresses are given out anew.
    let text = replaced(&text, r"brokerIP1(\W+)[0-9.]+", "brokerIP1${1}IP");
    let text = replaced(&text, r"example.com:\d+", "example.com:PORT");
    *object = serde_json::from_str(&text).unwrap_or(Value::Null);
}

fn replaced(text: &str, pattern: &str, with: &str) -> String {
    Regex::new(pattern).expect("a constant").replace_all(text, with).into_owned()
}
