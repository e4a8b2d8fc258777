//! What is made for a NameServer and for a BrokerGroup alike. Pure.

use crate::names::Component;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::{Resource, ResourceExt as _};

/// Metadata of something with this name that `owner` controls.
pub(crate) fn meta<K>(owner: &K, component: Component, name: &str) -> ObjectMeta
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    ObjectMeta {
        name: Some(name.into()),
        namespace: owner.namespace(),
        labels: Some(component.labels(&owner.name_any())),
        owner_references: owner.controller_owner_ref(&()).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}

/// The pods' identity: they ask the API server for nothing.
pub(crate) fn service_account(metadata: ObjectMeta) -> ServiceAccount {
    ServiceAccount { metadata, automount_service_account_token: Some(false), ..ServiceAccount::default() }
}

pub(crate) fn disruption_budget(
    metadata: ObjectMeta,
    component: Component,
    instance: &str,
) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata,
        spec: Some(PodDisruptionBudgetSpec {
            // One at a time, and also the only one: a budget that blocks the drain of a node protects nothing.
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(component.label_selector(instance)),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    }
}
