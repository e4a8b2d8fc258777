//! The finalizer of objects whose deletion deletes something on brokers. Objects that leave everything there have none.

use crate::context::Context;
use crate::engine::Managed;
use crate::failure::Failure;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt as _};

/// To let an object go without cleaning up: `kubectl patch KIND NAME --type=json -p '[{"op":"remove","path":"/metadata/finalizers"}]'`.
const NAME: &str = "gantry.dev/cleanup";
/// Its own field manager: what else the operator applies does not take it away.
const MANAGER: &str = "gantry-operator-finalizer";

pub(super) fn is_set<K: Managed>(object: &K) -> bool {
    object.finalizers().iter().any(|name| name == NAME)
}

pub(super) async fn add<K: Managed>(context: &Context, object: &K) -> Result<(), Failure> {
    let patch = serde_json::json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": { "name": object.name_any(), "uid": object.uid(), "finalizers": [NAME] },
    });
    let params = PatchParams::apply(MANAGER).force();
    patch_metadata(context, object, &params, Patch::Apply(patch)).await
}

/// Whoever put it there: one that came with a copy of the object would hold it for ever.
pub(super) async fn remove<K: Managed>(context: &Context, object: &K) -> Result<(), Failure> {
    let Some(index) = object.finalizers().iter().position(|name| name == NAME) else { return Ok(()) };
    let path = format!("/metadata/finalizers/{index}");
    // Fails when somebody else changed the list meanwhile, or the object is another of that name.
    let patch = serde_json::json!([
        { "op": "test", "path": "/metadata/uid", "value": object.uid() },
        { "op": "test", "path": path, "value": NAME },
        { "op": "remove", "path": path },
    ]);
    let patch = serde_json::from_value(patch)
        .map_err(|source| Failure::Serialize { what: "a patch of finalizers".into(), source })?;
    patch_metadata(context, object, &PatchParams::default(), Patch::Json(patch)).await
}

async fn patch_metadata<K: Managed>(
    context: &Context,
    object: &K,
    params: &PatchParams,
    patch: Patch<serde_json::Value>,
) -> Result<(), Failure> {
    let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
    let api: Api<K> = Api::namespaced(context.client.clone(), &namespace);
    match api.patch_metadata(&name, params, &patch).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        other => other.map(drop).map_err(Failure::api(format!("set the finalizer of {} {name}", K::KIND))),
    }
}
