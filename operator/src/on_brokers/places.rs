//! Where the brokers are that an object names.

use crate::context::Context;
use crate::names::{NAME_SERVER_PORT, headless};
use gantry_admin::{Broker, Place};
use gantry_crds::BrokerGroup;
use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;
use std::sync::Arc;

/// `names` are BrokerGroups of the namespace, or `host:port`.
pub(super) fn places(context: &Context, namespace: &str, names: Vec<String>) -> Vec<Broker> {
    names
        .into_iter()
        .map(|name| {
            let place = if name.contains(':') {
                Place::At(name.clone())
            } else {
                of_group(context, namespace, &name)
            };
            Broker { name, place }
        })
        .collect()
}

fn group(context: &Context, namespace: &str, name: &str) -> Option<Arc<BrokerGroup>> {
    context.broker_groups.get()?.get(&ObjectRef::new(name).within(namespace))
}

fn of_group(context: &Context, namespace: &str, name: &str) -> Place {
    let Some(group) = group(context, namespace, name) else { return Place::Gone };
    if group.metadata.deletion_timestamp.is_some() {
        return Place::Gone;
    }
    let broker = group.status.as_ref().and_then(|status| status.brokers.first());
    match broker {
        Some(broker) if broker.ready => match &broker.address {
            Some(address) => Place::At(address.clone()),
            None => Place::NotYet(format!("BrokerGroup {name} has no address yet")),
        },
        // A call would only find out after its timeout.
        _ => {
            Place::NotYet(format!("the broker of BrokerGroup {name} does not serve yet: see its conditions"))
        }
    }
}

/// The name servers of the groups, one address each, as far as they can be found out.
pub(super) async fn name_servers(context: &Context, namespace: &str, groups: &[String]) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    for name in groups {
        let Some(group) = group(context, namespace, name) else { continue };
        if let Some(reference) = &group.spec.name_server_ref {
            hosts.push(format!(
                "{}.{}.svc:{NAME_SERVER_PORT}",
                headless(&reference.name),
                group.namespace().unwrap_or_default()
            ));
        }
        hosts.extend(group.spec.name_server_addresses.clone().unwrap_or_default());
    }
    hosts.sort();
    hosts.dedup();
    let mut addresses = Vec::new();
    for host in hosts {
        match tokio::net::lookup_host(&host).await {
            Ok(found) => addresses.extend(found.map(|address| address.to_string())),
            Err(error) => {
                tracing::warn!(host, %error, "cannot find the name servers: they keep the deleted topic's route")
            }
        }
    }
    addresses
}
