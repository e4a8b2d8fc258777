//! Services: ports, and addresses for clients outside.

use gantry_crds::{External, ExternalType};
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;

pub(crate) fn service_port(name: &str, port: i32, target: i32) -> ServicePort {
    ServicePort {
        name: Some(name.into()),
        port,
        target_port: Some(IntOrString::Int(target)),
        protocol: Some("TCP".into()),
        ..ServicePort::default()
    }
}

/// A Service that clients outside reach `selector`'s pods through, those that are not ready only if asked.
pub(crate) fn external(
    mut metadata: ObjectMeta,
    wanted: &External,
    selector: BTreeMap<String, String>,
    mut port: ServicePort,
    publish_not_ready: bool,
) -> Service {
    if !wanted.annotations.is_empty() {
        metadata.annotations.get_or_insert_default().extend(wanted.annotations.clone());
    }
    port.node_port = wanted.node_port;
    let type_ = match wanted.type_ {
        ExternalType::NodePort => "NodePort",
        ExternalType::LoadBalancer => "LoadBalancer",
    };
    Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(type_.into()),
            selector: Some(selector),
            ports: Some(vec![port]),
            publish_not_ready_addresses: publish_not_ready.then_some(true),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// `host:port` for clients outside, once the platform has given out what it needs: `service` is the one of [`external`].
pub(crate) fn external_address(wanted: &External, service: &Service) -> Option<String> {
    let port = service.spec.as_ref()?.ports.as_ref()?.first()?;
    match wanted.type_ {
        ExternalType::NodePort => Some(format!("{}:{}", wanted.host.as_ref()?, port.node_port?)),
        ExternalType::LoadBalancer => {
            let given = || {
                let ingress = service.status.as_ref()?.load_balancer.as_ref()?.ingress.as_ref()?.first()?;
                ingress.hostname.clone().or_else(|| ingress.ip.clone())
            };
            Some(format!("{}:{}", wanted.host.clone().or_else(given)?, port.port))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wanted(text: serde_json::Value) -> External {
        serde_json::from_value(text).unwrap()
    }

    fn service(text: serde_json::Value) -> Service {
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn a_node_port_is_reached_at_the_host_of_the_spec() {
        let with_port = service(json!({"spec": {"ports": [{"port": 10911, "nodePort": 31000}]}}));
        let node = wanted(json!({"type": "NodePort", "host": "example.org"}));
        assert_eq!(external_address(&node, &with_port).as_deref(), Some("example.org:31000"));
        let without = service(json!({"spec": {"ports": [{"port": 10911}]}}));
        assert_eq!(external_address(&node, &without), None);
    }

    #[test]
    fn a_load_balancer_is_reached_where_the_platform_says() {
        let balanced = wanted(json!({"type": "LoadBalancer"}));
        let ports = json!({"ports": [{"port": 10911, "nodePort": 31000}]});
        assert_eq!(external_address(&balanced, &service(json!({"spec": ports}))), None);
        let given = json!({"spec": ports, "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}}});
        assert_eq!(external_address(&balanced, &service(given)).as_deref(), Some("203.0.113.7:10911"));
    }
}
