//! The writes that a plan can ask for.

use crate::failure::Failure;
use crate::names::OPERATOR;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, Preconditions,
    PropagationPolicy,
};
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// The kinds of what the operator makes or touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    ServiceAccount,
    Service,
    ConfigMap,
    NetworkPolicy,
    PodDisruptionBudget,
    StatefulSet,
    PersistentVolumeClaim,
    Pod,
}

impl Kind {
    fn resource(self) -> ApiResource {
        match self {
            Self::ServiceAccount => ApiResource::erase::<ServiceAccount>(&()),
            Self::Service => ApiResource::erase::<Service>(&()),
            Self::ConfigMap => ApiResource::erase::<ConfigMap>(&()),
            Self::NetworkPolicy => ApiResource::erase::<NetworkPolicy>(&()),
            Self::PodDisruptionBudget => ApiResource::erase::<PodDisruptionBudget>(&()),
            Self::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
            Self::PersistentVolumeClaim => ApiResource::erase::<PersistentVolumeClaim>(&()),
            Self::Pod => ApiResource::erase::<Pod>(&()),
        }
    }

    pub(crate) fn api(self, client: &Client, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(client.clone(), namespace, &self.resource())
    }
}

/// An object as the API server has it, or as it should be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Child {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// The whole object, with apiVersion and kind.
    pub(crate) object: Value,
}

impl Child {
    /// # Errors
    /// When it cannot be written as JSON.
    pub(crate) fn of<K: Resource + Serialize>(kind: Kind, object: &K) -> Result<Self, Failure> {
        let name = object.meta().name.clone().unwrap_or_default();
        let value = serde_json::to_value(object)
            .map_err(|source| Failure::Serialize { what: format!("{kind:?} {name}"), source })?;
        Ok(Self { kind, name, object: value })
    }

    /// Applying over an object that somebody else made would take it over where no field differs.
    async fn must_be_free(&self, client: &Client, namespace: &str) -> Result<(), Failure> {
        let what = format!("{:?} {}", self.kind, self.name);
        let same_name = ListParams::default().fields(&format!("metadata.name={}", self.name));
        let found = self.kind.api(client, namespace).list(&same_name).await;
        let found = found.map_err(Failure::api(format!("list {what}")))?;
        let owner = |object: &Value| object["metadata"]["ownerReferences"][0]["uid"].clone();
        let ours = owner(&self.object);
        let is_ours = |one: &DynamicObject| serde_json::to_value(one).is_ok_and(|one| owner(&one) == ours);
        if found.items.iter().all(is_ours) { Ok(()) } else { Err(Failure::Taken { what }) }
    }

    /// Whether the object with this uid is its controller.
    pub(crate) fn is_owned_by(&self, uid: &str) -> bool {
        let owners = self.object["metadata"]["ownerReferences"].as_array();
        owners.is_some_and(|owners| {
            owners.iter().any(|owner| owner["uid"] == uid && owner["controller"] == true)
        })
    }
}

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// Server-side apply. Forced only over what is ours: somebody else's object of that name is a conflict.
    Apply { child: Child, force: bool },
    /// Delete with all that depends on it.
    Delete { kind: Kind, name: String },
    /// Delete a StatefulSet but not its pods, so that it can be made anew with fields that cannot be changed.
    Orphan { name: String },
    /// Delete this very pod, which its StatefulSet makes anew.
    RestartPod { name: String, uid: String },
    /// Ask for a larger volume.
    GrowVolume { claim: String, size: String },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apply { child, .. } => write!(f, "apply {:?} {}", child.kind, child.name),
            Self::Delete { kind, name } => write!(f, "delete {kind:?} {name}"),
            Self::Orphan { name } => write!(f, "replace StatefulSet {name}, leaving its pods"),
            Self::RestartPod { name, .. } => write!(f, "restart Pod {name}"),
            Self::GrowVolume { claim, size } => write!(f, "grow PersistentVolumeClaim {claim} to {size}"),
        }
    }
}

impl Step {
    /// Does it.
    ///
    /// # Errors
    /// When the API server does not.
    pub(crate) async fn run(&self, client: &Client, namespace: &str) -> Result<(), Failure> {
        if let Self::Apply { child, force: false } = self {
            child.must_be_free(client, namespace).await?;
        }
        let fail = Failure::api(self.to_string());
        let done = match self {
            Self::Apply { child, force } => {
                let params = PatchParams { force: *force, ..PatchParams::apply(OPERATOR) };
                let api = child.kind.api(client, namespace);
                api.patch(&child.name, &params, &Patch::Apply(&child.object)).await.map(drop)
            }
            Self::Delete { kind, name } => {
                kind.api(client, namespace).delete(name, &DeleteParams::default()).await.map(drop)
            }
            Self::Orphan { name } => {
                let params = DeleteParams {
                    propagation_policy: Some(PropagationPolicy::Orphan),
                    ..DeleteParams::default()
                };
                Kind::StatefulSet.api(client, namespace).delete(name, &params).await.map(drop)
            }
            Self::RestartPod { name, uid } => {
                let same = Preconditions { uid: Some(uid.clone()), resource_version: None };
                let params = DeleteParams { preconditions: Some(same), ..DeleteParams::default() };
                Kind::Pod.api(client, namespace).delete(name, &params).await.map(drop)
            }
            Self::GrowVolume { claim, size } => {
                let patch = serde_json::json!({"spec": {"resources": {"requests": {"storage": size}}}});
                let api = Kind::PersistentVolumeClaim.api(client, namespace);
                let params = PatchParams { field_manager: Some(OPERATOR.into()), ..PatchParams::default() };
                api.patch(claim, &params, &Patch::Merge(&patch)).await.map(drop)
            }
        };
        match done {
            // Gone already is what was asked for; another pod of that name is not ours to delete.
            Err(kube::Error::Api(status)) if status.code == 404 && !matches!(self, Self::Apply { .. }) => {
                Ok(())
            }
            Err(kube::Error::Api(status))
                if status.code == 409 && matches!(self, Self::RestartPod { .. }) =>
            {
                Ok(())
            }
            other => other.map_err(fail),
        }
    }
}
