//! The Kubernetes objects of a NameServer. Pure.

use crate::apply::{Child, Kind};
use crate::failure::Failure;
use crate::made_for;
use crate::names::{
    Component, HTTP_PORT, NAME_SERVER_EXTERNAL_PORT, NAME_SERVER_PORT, RESTART, external, headless,
};
use crate::pod::{container_security, liveness, pod_security, port, readiness, schedule};
use crate::service::{self, service_port};
use gantry_crds::NameServer;
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy};
use k8s_openapi::api::core::v1::{
    Container, EmptyDirVolumeSource, PodSpec, PodTemplateSpec, Service, ServiceSpec, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;

const DATA: &str = "/data";

/// Everything that `object` owns, running `image`.
///
/// # Errors
/// When an object cannot be written as JSON.
pub(super) fn desired(object: &NameServer, image: &str, pull_policy: &str) -> Result<Vec<Child>, Failure> {
    let maker = Maker { object, name: object.name_any() };
    let mut children = vec![
        Child::of(Kind::ServiceAccount, &made_for::service_account(maker.meta(&maker.name)))?,
        Child::of(Kind::Service, &maker.clients())?,
        Child::of(Kind::Service, &maker.headless())?,
        Child::of(
            Kind::PodDisruptionBudget,
            &made_for::disruption_budget(maker.meta(&maker.name), Component::NameServer, &maker.name),
        )?,
        Child::of(Kind::StatefulSet, &maker.stateful_set(image, pull_policy))?,
    ];
    if let Some(wanted) = &object.spec.external {
        let meta = maker.meta(&external(&maker.name));
        let selector = Component::NameServer.selector(&maker.name);
        let service = service::external(
            meta,
            wanted,
            selector,
            service_port("external", NAME_SERVER_PORT, NAME_SERVER_EXTERNAL_PORT),
            // One that does not know the brokers yet would tell a client that there is no such topic.
            false,
        );
        children.push(Child::of(Kind::Service, &service)?);
    }
    Ok(children)
}

struct Maker<'a> {
    object: &'a NameServer,
    name: String,
}

impl Maker<'_> {
    fn meta(&self, name: &str) -> ObjectMeta {
        made_for::meta(self.object, Component::NameServer, name)
    }

    /// For clients: one stable address, those that are ready behind it.
    fn clients(&self) -> Service {
        Service {
            metadata: self.meta(&self.name),
            spec: Some(ServiceSpec {
                selector: Some(Component::NameServer.selector(&self.name)),
                ports: Some(vec![service_port("remoting", NAME_SERVER_PORT, NAME_SERVER_PORT)]),
                type_: Some("ClusterIP".into()),
                ..ServiceSpec::default()
            }),
            ..Service::default()
        }
    }

    /// For brokers, who register with every one: also with those that are not ready, because they become so by it.
    fn headless(&self) -> Service {
        Service {
            metadata: self.meta(&headless(&self.name)),
            spec: Some(ServiceSpec {
                selector: Some(Component::NameServer.selector(&self.name)),
                ports: Some(vec![service_port("remoting", NAME_SERVER_PORT, NAME_SERVER_PORT)]),
                cluster_ip: Some("None".into()),
                publish_not_ready_addresses: Some(true),
                ..ServiceSpec::default()
            }),
            ..Service::default()
        }
    }

    fn stateful_set(&self, image: &str, pull_policy: &str) -> StatefulSet {
        let restart = self.object.annotations().get(RESTART);
        StatefulSet {
            metadata: self.meta(&self.name),
            spec: Some(StatefulSetSpec {
                replicas: Some(self.object.spec.replicas),
                service_name: Some(headless(&self.name)),
                selector: Component::NameServer.label_selector(&self.name),
                // They know nothing of each other.
                pod_management_policy: Some("Parallel".into()),
                update_strategy: Some(StatefulSetUpdateStrategy {
                    type_: Some("RollingUpdate".into()),
                    ..StatefulSetUpdateStrategy::default()
                }),
                template: PodTemplateSpec {
                    metadata: Some(ObjectMeta {
                        labels: Some(Component::NameServer.labels(&self.name)),
                        annotations: restart.map(|value| [(RESTART.to_owned(), value.clone())].into()),
                        ..ObjectMeta::default()
                    }),
                    spec: Some(self.pod(image, pull_policy)),
                },
                ..StatefulSetSpec::default()
            }),
            ..StatefulSet::default()
        }
    }

    fn pod(&self, image: &str, pull_policy: &str) -> PodSpec {
        let args = [
            format!("--listen=0.0.0.0:{NAME_SERVER_PORT}"),
            format!("--external-listen=0.0.0.0:{NAME_SERVER_EXTERNAL_PORT}"),
            format!("--probe-listen=0.0.0.0:{HTTP_PORT}"),
            format!("--data={DATA}"),
        ];
        let container = Container {
            name: "nameserver".into(),
            image: Some(image.into()),
            image_pull_policy: Some(pull_policy.into()),
            args: Some(args.into()),
            ports: Some(vec![
                port("remoting", NAME_SERVER_PORT),
                port("external", NAME_SERVER_EXTERNAL_PORT),
                port("http", HTTP_PORT),
            ]),
            resources: self.object.spec.resources.clone(),
            liveness_probe: Some(liveness()),
            readiness_probe: Some(readiness()),
            security_context: Some(container_security()),
            termination_message_policy: Some("FallbackToLogsOnError".into()),
            volume_mounts: Some(vec![VolumeMount {
                name: "data".into(),
                mount_path: DATA.into(),
                ..VolumeMount::default()
            }]),
            ..Container::default()
        };
        let mut pod = PodSpec {
            containers: vec![container],
            service_account_name: Some(self.name.clone()),
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            security_context: Some(pod_security()),
            termination_grace_period_seconds: Some(30),
            volumes: Some(vec![Volume {
                name: "data".into(),
                empty_dir: Some(EmptyDirVolumeSource::default()),
                ..Volume::default()
            }]),
            ..PodSpec::default()
        };
        schedule(&mut pod, self.object.spec.scheduling.as_ref());
        pod
    }
}
