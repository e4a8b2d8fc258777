//! The Kubernetes objects of a BrokerGroup. Pure.

use super::config::{DATA, Settings, to_properties};
use crate::apply::{Child, Kind};
use crate::failure::Failure;
use crate::made_for;
use crate::names::{BROKER_PORT, CONFIG, Component, HTTP_PORT, RESTART, external};
use crate::pod::{container_security, liveness, pod_security, port, readiness, schedule};
use crate::service::{self, service_port};
use gantry_crds::{BrokerGroup, DeletionPolicy};
use k8s_openapi::api::apps::v1::{
    StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec, StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapVolumeSource, Container, PersistentVolumeClaim, PersistentVolumeClaimSpec, PodSpec,
    PodTemplateSpec, Service, ServiceSpec, Volume, VolumeMount, VolumeResourceRequirements,
};
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt as _;

/// Where broker.conf is mounted.
const ETC: &str = "/etc/gantry";
/// What a stop may take beside the time for leaving.
const STOP_SECONDS: i64 = 60;

/// Name of a broker's pod and of the Service that stands for it alone.
pub(super) fn broker(group: &str) -> String {
    format!("{group}-0")
}

/// Name of the volume claim of a broker.
pub(super) fn claim(group: &str) -> String {
    format!("data-{}", broker(group))
}

fn governing(group: &str) -> String {
    format!("{group}-brokers")
}

fn config_map(group: &str) -> String {
    format!("{group}-config")
}

/// What exists before the addresses are known.
///
/// # Errors
/// When an object cannot be written as JSON.
pub(super) fn addressing(object: &BrokerGroup) -> Result<Vec<Child>, Failure> {
    let maker = Maker::new(object);
    let name = broker(&maker.name);
    let mut children = vec![
        Child::of(Kind::ServiceAccount, &made_for::service_account(maker.meta(&maker.name)))?,
        Child::of(Kind::Service, &maker.governing())?,
        Child::of(Kind::Service, &maker.of_broker(&name))?,
        Child::of(
            Kind::PodDisruptionBudget,
            &made_for::disruption_budget(maker.meta(&maker.name), Component::Broker, &maker.name),
        )?,
    ];
    if object.spec.network_policy.enabled {
        children.push(Child::of(Kind::NetworkPolicy, &maker.network_policy())?);
    }
    if let Some(wanted) = &object.spec.external {
        let meta = maker.meta(&external(&name));
        let port = service_port("remoting", BROKER_PORT, BROKER_PORT);
        // A broker that is leaving still serves; clients are told by the name servers when to go.
        let service = service::external(meta, wanted, maker.selector_of_pod(&name), port, true);
        children.push(Child::of(Kind::Service, &service)?);
    }
    Ok(children)
}

/// What runs the broker with these settings.
///
/// # Errors
/// When an object cannot be written as JSON.
pub(super) fn running(
    object: &BrokerGroup,
    image: &str,
    pull_policy: &str,
    settings: &Settings,
) -> Result<Vec<Child>, Failure> {
    let maker = Maker::new(object);
    let config = serde_json::to_string(settings)
        .map_err(|source| Failure::Serialize { what: "settings".into(), source })?;
    Ok(vec![
        Child::of(Kind::ConfigMap, &maker.config_map(settings))?,
        Child::of(Kind::StatefulSet, &maker.stateful_set(image, pull_policy, config))?,
    ])
}

struct Maker<'a> {
    object: &'a BrokerGroup,
    name: String,
}

impl<'a> Maker<'a> {
    fn new(object: &'a BrokerGroup) -> Self {
        Self { object, name: object.name_any() }
    }

    fn meta(&self, name: &str) -> ObjectMeta {
        made_for::meta(self.object, Component::Broker, name)
    }

    fn selector_of_pod(&self, pod: &str) -> std::collections::BTreeMap<String, String> {
        let mut selector = Component::Broker.selector(&self.name);
        selector.insert("statefulset.kubernetes.io/pod-name".into(), pod.into());
        selector
    }

    /// Gives the pods their DNS names.
    fn governing(&self) -> Service {
        Service {
            metadata: self.meta(&governing(&self.name)),
            spec: Some(ServiceSpec {
                selector: Some(Component::Broker.selector(&self.name)),
                ports: Some(vec![
                    service_port("remoting", BROKER_PORT, BROKER_PORT),
                    service_port("http", HTTP_PORT, HTTP_PORT),
                ]),
                cluster_ip: Some("None".into()),
                publish_not_ready_addresses: Some(true),
                ..ServiceSpec::default()
            }),
            ..Service::default()
        }
    }

    /// The broker's address for clients. It stays when the pod moves, and with it the ids of messages.
    fn of_broker(&self, pod: &str) -> Service {
        Service {
            metadata: self.meta(pod),
            spec: Some(ServiceSpec {
                selector: Some(self.selector_of_pod(pod)),
                ports: Some(vec![service_port("remoting", BROKER_PORT, BROKER_PORT)]),
                type_: Some("ClusterIP".into()),
                // A broker that is leaving still serves; clients are told by the name servers when to go.
                publish_not_ready_addresses: Some(true),
                ..ServiceSpec::default()
            }),
            ..Service::default()
        }
    }

    fn config_map(&self, settings: &Settings) -> ConfigMap {
        ConfigMap {
            metadata: self.meta(&config_map(&self.name)),
            data: Some([("broker.conf".to_owned(), to_properties(settings))].into()),
            ..ConfigMap::default()
        }
    }

    fn network_policy(&self) -> NetworkPolicy {
        let open = |port| NetworkPolicyPort {
            port: Some(IntOrString::Int(port)),
            protocol: Some("TCP".into()),
            ..NetworkPolicyPort::default()
        };
        NetworkPolicy {
            metadata: self.meta(&self.name),
            spec: Some(NetworkPolicySpec {
                pod_selector: Some(Component::Broker.label_selector(&self.name)),
                policy_types: Some(vec!["Ingress".into()]),
                ingress: Some(vec![NetworkPolicyIngressRule {
                    ports: Some(vec![open(BROKER_PORT), open(HTTP_PORT)]),
                    ..NetworkPolicyIngressRule::default()
                }]),
                ..NetworkPolicySpec::default()
            }),
        }
    }

    fn stateful_set(&self, image: &str, pull_policy: &str, config: String) -> StatefulSet {
        let spec = &self.object.spec;
        let mut annotations = std::collections::BTreeMap::from([(CONFIG.to_owned(), config)]);
        if let Some(restart) = self.object.annotations().get(RESTART) {
            annotations.insert(RESTART.into(), restart.clone());
        }
        let when_deleted = match spec.storage.deletion_policy {
            DeletionPolicy::Retain => "Retain",
            DeletionPolicy::Delete => "Delete",
        };
        StatefulSet {
            metadata: self.meta(&self.name),
            spec: Some(StatefulSetSpec {
                replicas: Some(spec.replicas),
                service_name: Some(governing(&self.name)),
                selector: Component::Broker.label_selector(&self.name),
                // The operator decides when a broker restarts: one of a cluster at a time.
                update_strategy: Some(StatefulSetUpdateStrategy {
                    type_: Some("OnDelete".into()),
                    ..StatefulSetUpdateStrategy::default()
                }),
                persistent_volume_claim_retention_policy: Some(
                    StatefulSetPersistentVolumeClaimRetentionPolicy {
                        when_deleted: Some(when_deleted.into()),
                        when_scaled: Some("Retain".into()),
                    },
                ),
                template: PodTemplateSpec {
                    metadata: Some(ObjectMeta {
                        labels: Some(Component::Broker.labels(&self.name)),
                        annotations: Some(annotations),
                        ..ObjectMeta::default()
                    }),
                    spec: Some(self.pod(image, pull_policy)),
                },
                volume_claim_templates: Some(vec![self.claim_template()]),
                ..StatefulSetSpec::default()
            }),
            ..StatefulSet::default()
        }
    }

    fn claim_template(&self) -> PersistentVolumeClaim {
        let storage = &self.object.spec.storage;
        PersistentVolumeClaim {
            metadata: ObjectMeta {
                name: Some("data".into()),
                labels: Some(Component::Broker.labels(&self.name)),
                ..ObjectMeta::default()
            },
            spec: Some(PersistentVolumeClaimSpec {
                access_modes: Some(vec!["ReadWriteOnce".into()]),
                storage_class_name: storage.class_name.clone(),
                resources: Some(VolumeResourceRequirements {
                    requests: Some([("storage".to_owned(), storage.size.clone())].into()),
                    ..VolumeResourceRequirements::default()
                }),
                ..PersistentVolumeClaimSpec::default()
            }),
            ..PersistentVolumeClaim::default()
        }
    }

    fn pod(&self, image: &str, pull_policy: &str) -> PodSpec {
        let mount = |name: &str, path: &str, read_only| VolumeMount {
            name: name.into(),
            mount_path: path.into(),
            read_only: Some(read_only).filter(|read_only| *read_only),
            ..VolumeMount::default()
        };
        let container = Container {
            name: "broker".into(),
            image: Some(image.into()),
            image_pull_policy: Some(pull_policy.into()),
            args: Some(vec![format!("--config={ETC}/broker.conf")]),
            ports: Some(vec![port("remoting", BROKER_PORT), port("http", HTTP_PORT)]),
            resources: self.object.spec.resources.clone(),
            liveness_probe: Some(liveness()),
            readiness_probe: Some(readiness()),
            security_context: Some(container_security()),
            // What it said last is told in the conditions.
            termination_message_policy: Some("FallbackToLogsOnError".into()),
            volume_mounts: Some(vec![mount("data", DATA, false), mount("config", ETC, true)]),
            ..Container::default()
        };
        let mut pod = PodSpec {
            containers: vec![container],
            service_account_name: Some(self.name.clone()),
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            security_context: Some(pod_security()),
            termination_grace_period_seconds: Some(i64::from(self.object.spec.leave_seconds) + STOP_SECONDS),
            volumes: Some(vec![Volume {
                name: "config".into(),
                config_map: Some(ConfigMapVolumeSource {
                    name: config_map(&self.name),
                    ..ConfigMapVolumeSource::default()
                }),
                ..Volume::default()
            }]),
            ..PodSpec::default()
        };
        schedule(&mut pod, self.object.spec.scheduling.as_ref());
        pod
    }
}
