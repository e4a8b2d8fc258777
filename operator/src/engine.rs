//! The loop that all kinds share: rounds, failures, metrics, pauses.

use crate::context::Context;
use crate::failure::{Failure, RESYNC};
use crate::names::PAUSE;
use crate::outcome::{Outcome, in_progress, paused, stalled, state};
use crate::status::StatusWriter;
use futures::StreamExt as _;
use gantry_crds::Condition;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::{PredicateConfig, WatchStreamExt as _, reflector, watcher};
use kube::{Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::future::Future;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

use crate::backoff::Backoff;

/// Objects of one kind that are worked on at once.
const CONCURRENCY: u16 = 8;

/// The reason of a step that the API server refuses.
const REFUSED: &str = "Refused";

/// When to look again at an object whose latest status the watch has not brought yet.
const CATCH_UP: Duration = Duration::from_millis(100);

/// A kind that the operator looks after.
pub(crate) trait Managed:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + DeserializeOwned
    + Serialize
    + Send
    + Sync
    + 'static
{
    /// Name of the kind.
    const KIND: &'static str;
    /// Its status.
    type Status: Clone + Default + PartialEq + Serialize + Send + Sync;

    fn status(&self) -> Option<&Self::Status>;
    fn conditions(status: &Self::Status) -> &[Condition];
    /// Puts the conditions and the generation that they are about into a status.
    fn set_conditions(status: &mut Self::Status, conditions: Vec<Condition>, generation: Option<i64>);

    /// Brings the cluster closer to what the object asks for. Gives the status to write and when to look again.
    fn round(
        &self,
        context: &Context,
        written: &StatusWriter<'_, Self>,
    ) -> impl Future<Output = Result<Round<Self::Status>, Failure>> + Send;
}

/// What came out of a round.
pub(crate) struct Round<S> {
    /// With its conditions.
    pub(crate) status: S,
    /// When to look again, whatever the watches say.
    pub(crate) again: Duration,
}

/// A status with the conditions of `outcome`.
pub(crate) fn concluded<K: Managed>(object: &K, mut status: K::Status, outcome: &Outcome) -> K::Status {
    let before = object.status().map(K::conditions).unwrap_or_default();
    let generation = object.meta().generation;
    let conditions = gantry_admin::conditions(outcome, before, generation, &now());
    K::set_conditions(&mut status, conditions, generation);
    status
}

/// Conditions have whole seconds.
pub(crate) fn now() -> Time {
    Time(Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default())
}

/// Whether the API server refused a step for the present spec. Such a step is tried again without being announced anew.
pub(crate) fn is_refused<K: Managed>(object: &K) -> bool {
    let conditions = object.status().map(K::conditions).unwrap_or_default();
    conditions.iter().any(|one| {
        one.type_ == Condition::STALLED
            && one.status == "True"
            && one.reason == REFUSED
            && one.observed_generation == object.meta().generation
    })
}

/// A controller that looks at an object when somebody asks for something else, and not when its status was written.
pub(crate) fn controller<K: Managed>(context: &Context) -> Controller<K> {
    let (store, writer) = reflector::store();
    let objects = watcher(context.watched::<K>(), watcher::Config::default())
        .default_backoff()
        .reflect(writer)
        .applied_objects()
        .predicate_filter(asked::<K>, PredicateConfig::default());
    Controller::for_stream(objects, store)
}

/// Changes with everything that a round depends on.
fn asked<K: Managed>(object: &K) -> Option<u64> {
    let meta = object.meta();
    let mut hasher = DefaultHasher::new();
    (meta.generation, &meta.annotations, &meta.finalizers, meta.deletion_timestamp.is_some())
        .hash(&mut hasher);
    Some(hasher.finish())
}

/// Runs the controller of a kind until `stop`; what was begun is finished.
pub(crate) async fn run<K: Managed>(
    controller: Controller<K>,
    context: Arc<Context>,
    stop: watch::Receiver<bool>,
) where
    K::Status: 'static,
{
    let store = controller.store();
    context.metrics.count(K::KIND, move || {
        store
            .state()
            .iter()
            .map(|object| object.status().map_or("Unknown", |status| state(K::conditions(status))))
            .collect()
    });
    let backoff: Arc<Backoff<String>> = Arc::default();
    let (rounds, failures) = (Arc::clone(&backoff), backoff);
    let stopped = async move {
        let mut stop = stop;
        let _ = stop.wait_for(|stop| *stop).await;
    };
    controller
        .with_config(Config::default().concurrency(CONCURRENCY).debounce(Duration::from_millis(50)))
        .graceful_shutdown_on(stopped)
        .run(
            move |object, context| {
                let backoff = Arc::clone(&rounds);
                async move { reconcile(object, context, &backoff).await }
            },
            move |object, failure, context| {
                context.metrics.failure(K::KIND, failure.kind());
                if failure.is_conflict() {
                    return Action::requeue(Duration::from_millis(200));
                }
                let wait = failures.failed(key(object.as_ref()));
                tracing::warn!(kind = K::KIND, object = key(object.as_ref()), ?wait, "{failure}");
                Action::requeue(wait)
            },
            context,
        )
        .for_each(|result| async move {
            if let Err(error) = result {
                // Failures of rounds are told above; this is about watches and objects that went away.
                tracing::debug!(kind = K::KIND, %error, "controller");
            }
        })
        .await;
}

async fn reconcile<K: Managed>(
    object: Arc<K>,
    context: Arc<Context>,
    backoff: &Backoff<String>,
) -> Result<Action, Failure> {
    let key = key(object.as_ref());
    if context.is_stale(object.as_ref()) {
        return Ok(Action::requeue(CATCH_UP));
    }
    let is_paused = object.annotations().get(PAUSE).is_some_and(|value| value == "true");
    let written = StatusWriter::new(&context, object.as_ref());
    let started = Instant::now();
    let result = if is_paused {
        let mut status = object.status().cloned().unwrap_or_default();
        let conditions = paused(K::conditions(&status), &now());
        K::set_conditions(&mut status, conditions, object.meta().generation);
        Ok(Round { status, again: RESYNC })
    } else {
        object.round(&context, &written).await
    };
    context.metrics.round(K::KIND, started.elapsed());
    match result {
        Ok(round) => {
            backoff.forget(&key);
            written.write(&round.status).await?;
            Ok(Action::requeue(round.again))
        }
        Err(failure) => {
            let outcome = match failure.is_refusal() {
                true => stalled(REFUSED, failure.to_string()),
                false => in_progress("Failing", format!("{failure}; trying again")),
            };
            if !failure.is_conflict() {
                let status = concluded(object.as_ref(), written.last().unwrap_or_default(), &outcome);
                // The failure itself is the one to report.
                let _ = written.write(&status).await;
            }
            Err(failure)
        }
    }
}

/// `namespace/name`.
pub(crate) fn key<K: Resource<DynamicType = ()>>(object: &K) -> String {
    format!(
        "{}/{}",
        object.meta().namespace.as_deref().unwrap_or_default(),
        object.meta().name.as_deref().unwrap_or_default()
    )
}
