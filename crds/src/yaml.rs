//! The CustomResourceDefinitions as YAML.

use crate::{BrokerGroup, ConsumerGroup, NameServer, Topic};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSON};
use kube::CustomResourceExt as _;

/// One file of `crds/generated`: its name and its text.
pub type File = (String, String);

/// All definitions.
#[must_use]
pub fn definitions() -> Vec<CustomResourceDefinition> {
    [NameServer::crd(), BrokerGroup::crd(), Topic::crd(), ConsumerGroup::crd()].map(with_first_status).into()
}

/// All definitions as files.
///
/// # Panics
/// Never: what is serialized is made of strings and numbers.
#[must_use]
pub fn files() -> Vec<File> {
    definitions()
        .into_iter()
        .map(|crd| {
            let text = serde_yaml::to_string(&crd).expect("a definition is plain data");
            let name = crd.metadata.name.unwrap_or_default();
            (
                format!("{name}.yaml"),
                format!("# Generated from the types of crds/src: cargo run -p gantry-crds\n{text}"),
            )
        })
        .collect()
}

/// Until the operator has looked, an object says that its state is unknown: to a tool that watches (kstatus, Argo CD) an
/// object without conditions would look finished.
fn with_first_status(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let first = serde_json::json!({
        "conditions": [{
            "type": "Ready",
            "status": "Unknown",
            "reason": "Pending",
            "message": "Waiting for the operator",
            "lastTransitionTime": "1970-01-01T00:00:00Z"
        }]
    });
    for version in &mut crd.spec.versions {
        let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
        let status = schema.and_then(|schema| schema.properties.as_mut()?.get_mut("status"));
        if let Some(status) = status {
            status.default = Some(JSON(first.clone()));
        }
    }
    crd
}
