//! The finalizer of objects whose deletion deletes something on brokers. Objects that leave everything there have none.

use crate::context::Context;
use crate::engine::Managed;
use crate::failure::Failure;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt as _};

/// To let an object go without cleaning up: `kubectl patch KIND NAME --type=json -p '[{"op":"remove","path":"/metadata/finalizers"}]'`.
const NAME: &str = "gantry.dev/cleanup";
/// Its own field manager: what this manager does not ask for any more goes.
const MANAGER: &str = "gantry-operator-finalizer";

pub(super) fn is_set<K: Managed>(object: &K) -> bool {
    object.finalizers().iter().any(|name| name == NAME)
}

pub(super) async fn set<K: Managed>(context: &Context, object: &K, wanted: bool) -> Result<(), Failure> {
    let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
    let finalizers: &[&str] = if wanted { &[NAME] } else { &[] };
    let patch = serde_json::json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": { "name": name, "uid": object.uid(), "finalizers": finalizers },
    });
    let api: Api<K> = Api::namespaced(context.client.clone(), &namespace);
    let done = api.patch_metadata(&name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&patch)).await;
    match done {
        Err(kube::Error::Api(status)) if status.code == 404 && !wanted => Ok(()),
        other => other.map(drop).map_err(Failure::api(format!("set the finalizer of {} {name}", K::KIND))),
    }
}
