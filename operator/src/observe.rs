//! What the operator made for an object, read from the API server at the beginning of a round.

use crate::apply::{Child, Kind};
use crate::failure::Failure;
use crate::names::Component;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::ListParams;
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// Everything with the labels of one BrokerGroup or NameServer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    pub(crate) stateful_set: Option<StatefulSet>,
    pub(crate) services: Vec<Service>,
    pub(crate) pods: Vec<Pod>,
    pub(crate) claims: Vec<PersistentVolumeClaim>,
    /// What is applied and deleted as a whole: all but pods and claims.
    pub(crate) children: Vec<Child>,
}

impl Observed {
    /// Reads everything of `instance`. Pods and claims carry the same labels: their StatefulSet's template has them.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub(crate) async fn read(
        client: &Client,
        namespace: &str,
        component: Component,
        instance: &str,
    ) -> Result<Self, Failure> {
        let reader = Reader { client, namespace, selector: component.selector_text(instance) };
        let (stateful_sets, services, pods, claims) = futures::try_join!(
            reader.list::<StatefulSet>(),
            reader.list::<Service>(),
            reader.list::<Pod>(),
            reader.list::<PersistentVolumeClaim>(),
        )?;
        let mut children = Vec::new();
        for set in &stateful_sets {
            children.push(Child::of(Kind::StatefulSet, set)?);
        }
        for service in &services {
            children.push(Child::of(Kind::Service, service)?);
        }
        for budget in reader.list::<PodDisruptionBudget>().await? {
            children.push(Child::of(Kind::PodDisruptionBudget, &budget)?);
        }
        for account in reader.list::<ServiceAccount>().await? {
            children.push(Child::of(Kind::ServiceAccount, &account)?);
        }
        if component == Component::Broker {
            for map in reader.list::<ConfigMap>().await? {
                children.push(Child::of(Kind::ConfigMap, &map)?);
            }
            for policy in reader.list::<NetworkPolicy>().await? {
                children.push(Child::of(Kind::NetworkPolicy, &policy)?);
            }
        }
        let stateful_set = stateful_sets.into_iter().find(|set| set.name_any() == instance);
        Ok(Self { stateful_set, services, pods, claims, children })
    }

    pub(crate) fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.metadata.name.as_deref() == Some(name))
    }
}

struct Reader<'a> {
    client: &'a Client,
    namespace: &'a str,
    selector: String,
}

impl Reader<'_> {
    async fn list<K>(&self) -> Result<Vec<K>, Failure>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Serialize,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), self.namespace);
        let found = api.list(&ListParams::default().labels(&self.selector)).await;
        found.map(|list| list.items).map_err(Failure::api(format!("list {}", K::plural(&()))))
    }
}
