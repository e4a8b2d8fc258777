//! One broker of a cluster restarts at a time.

use crate::context::Context;
use crate::failure::Failure;
use crate::names::Component;
use crate::trouble::is_ready;
use gantry_crds::BrokerGroup;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt};

/// The group whose broker has to come back before one of `object` may go, if there is one. Call it under the lock of
/// [`Context::turns`], and delete the pod before letting go of it: the next one who looks sees the pod go.
pub(super) async fn before(context: &Context, object: &BrokerGroup) -> Result<Option<String>, Failure> {
    let namespace = object.namespace().unwrap_or_default();
    let groups: Api<BrokerGroup> = Api::namespaced(context.client.clone(), &namespace);
    let pods: Api<Pod> = Api::namespaced(context.client.clone(), &namespace);
    let groups = groups.list(&ListParams::default()).await.map_err(Failure::api("list brokergroups"))?;
    let brokers =
        ListParams::default().labels(&format!("app.kubernetes.io/name={}", Component::Broker.app()));
    let pods = pods.list(&brokers).await.map_err(Failure::api("list pods"))?;
    Ok(missing(object, &groups.items, &pods.items))
}

/// What makes two groups one cluster to clients: the cluster's name, at the same name servers.
fn cluster(group: &BrokerGroup) -> (&str, Option<&str>, Option<&Vec<String>>) {
    let spec = &group.spec;
    let reference = spec.name_server_ref.as_ref().map(|reference| reference.name.as_str());
    (&spec.cluster_name, reference, spec.name_server_addresses.as_ref())
}

/// A group of the same cluster that has no broker that serves.
fn missing(object: &BrokerGroup, groups: &[BrokerGroup], pods: &[Pod]) -> Option<String> {
    let serves = |group: &str| {
        let pod = super::objects::broker(group);
        pods.iter().any(|found| found.name_any() == pod && is_ready(found))
    };
    groups
        .iter()
        .filter(|other| cluster(other) == cluster(object))
        .filter(|other| other.metadata.deletion_timestamp.is_none())
        .map(ResourceExt::name_any)
        .find(|other| *other != object.name_any() && !serves(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn group(name: &str, cluster: &str) -> BrokerGroup {
        serde_json::from_value(json!({
            "apiVersion": "gantry.dev/v1alpha1", "kind": "BrokerGroup", "metadata": {"name": name},
            "spec": {"clusterName": cluster, "storage": {"size": "1Gi"}}
        }))
        .unwrap()
    }

    fn pod(name: &str, ready: bool) -> Pod {
        let status = if ready { "True" } else { "False" };
        serde_json::from_value(json!({
            "metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": status}]}
        }))
        .unwrap()
    }

    #[test]
    fn a_broker_waits_for_those_of_its_own_cluster_only() {
        let groups = [group("a", "one"), group("b", "one"), group("c", "two")];
        let all_but_c = [pod("a-0", true), pod("b-0", true), pod("c-0", false)];
        assert_eq!(missing(&groups[0], &groups, &all_but_c), None);
        let b_restarts = [pod("a-0", true), pod("b-0", false)];
        assert_eq!(missing(&groups[0], &groups, &b_restarts).as_deref(), Some("b"));
        assert_eq!(missing(&groups[1], &groups, &b_restarts), None);
    }
}
