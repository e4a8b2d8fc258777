//! What every reconciler needs.

use crate::args::Settings;
use crate::engine::key;
use crate::failure::Failure;
use crate::leader::Gate;
use crate::metrics::Metrics;
use crate::names::OPERATOR;
use gantry_admin::Calls;
use gantry_crds::{BrokerGroup, NameServer};
use kube::api::{Patch, PatchParams};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::runtime::reflector::Store;
use kube::{Api, Client, Resource, ResourceExt as _};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, OnceLock};

/// Shared by all reconcilers.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
    pub(crate) metrics: Arc<Metrics>,
    /// Held by who is about to restart a broker, from the look at the others to the deletion of the pod.
    pub(crate) turns: tokio::sync::Mutex<()>,
    /// The BrokerGroups as the watch has them; there once it has them all.
    pub(crate) broker_groups: OnceLock<Store<BrokerGroup>>,
    /// The NameServers, likewise.
    pub(crate) name_servers: OnceLock<Store<NameServer>>,
    /// Admin calls to brokers.
    pub(crate) calls: Calls,
    pub(crate) gate: Arc<Gate>,
    recorder: Recorder,
    /// Versions of objects that our own writes made and the watch may not have brought yet, by kind and key.
    written: Mutex<HashMap<(String, String), u64>>,
}

impl Context {
    pub(crate) fn new(client: Client, settings: Settings, metrics: Arc<Metrics>, gate: Arc<Gate>) -> Self {
        let reporter = Reporter { controller: OPERATOR.into(), instance: Some(settings.identity.clone()) };
        Self {
            recorder: Recorder::new(client.clone(), reporter),
            client,
            settings,
            metrics,
            turns: tokio::sync::Mutex::default(),
            broker_groups: OnceLock::new(),
            name_servers: OnceLock::new(),
            calls: Calls::default(),
            gate,
            written: Mutex::default(),
        }
    }

    /// All objects of a kind that are looked after.
    pub(crate) fn watched<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        match &self.settings.watch_namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    /// Tells people what happens to `object`. An event that cannot be written changes nothing.
    pub(crate) async fn event<K>(
        &self,
        object: &K,
        type_: EventType,
        reason: &str,
        action: &str,
        note: String,
    ) where
        K: Resource<DynamicType = ()>,
    {
        let note: String = note.chars().take(1000).collect();
        let event =
            Event { type_, reason: reason.into(), note: Some(note), action: action.into(), secondary: None };
        if let Err(error) = self.recorder.publish(&event, &object.object_ref(&())).await {
            tracing::warn!(%error, reason, "cannot write an event");
        }
    }

    /// Writes the status of this very object; see [`crate::status::StatusWriter`].
    ///
    /// # Errors
    /// When the API server refuses.
    pub(crate) async fn write_status<K, S>(&self, object: &K, status: &S) -> Result<(), Failure>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned,
        S: Serialize,
    {
        let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
        let patch = serde_json::json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            // Another object of that name must not get what was found out about this one.
            "metadata": { "name": name, "uid": object.uid() },
            "status": status,
        });
        let api: Api<K> = Api::namespaced(self.client.clone(), &namespace);
        let params = PatchParams::apply(OPERATOR).force();
        let done = api.patch_status(&name, &params, &Patch::Apply(&patch)).await;
        match done {
            // Deleted meanwhile, or deleted and made again: nobody is left to read it.
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
            Ok(written) => {
                if let Some(version) = version(&written) {
                    self.written.lock().insert((K::kind(&()).into_owned(), key(&written)), version);
                }
                Ok(())
            }
            Err(error) => Err(Failure::api(format!("write the status of {} {name}", K::kind(&())))(error)),
        }
    }

    /// Whether the watch has yet to bring what we wrote ourselves: who decides by the status must not take an old one
    /// for the last word.
    pub(crate) fn is_stale<K: Resource<DynamicType = ()>>(&self, object: &K) -> bool {
        let mut written = self.written.lock();
        let entry = (K::kind(&()).into_owned(), key(object));
        match (written.get(&entry), version(object)) {
            (Some(ours), Some(theirs)) if theirs < *ours => true,
            _ => {
                written.remove(&entry);
                false
            }
        }
    }
}

/// Resource versions of one kind grow, and API servers count them in whole numbers.
fn version<K: Resource<DynamicType = ()>>(object: &K) -> Option<u64> {
    object.meta().resource_version.as_ref()?.parse().ok()
}
