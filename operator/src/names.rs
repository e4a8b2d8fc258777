//! Labels, annotations, ports and names of what the operator makes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt as _};
use std::collections::BTreeMap;

/// Value of `app.kubernetes.io/managed-by`, field manager, event reporter.
pub(crate) const OPERATOR: &str = "gantry-operator";
/// Selects everything that the operator makes.
pub(crate) const MANAGED: &str = "app.kubernetes.io/managed-by=gantry-operator";

/// On an object of ours: stops all work on it while "true".
pub(crate) const PAUSE: &str = "gantry.dev/pause-reconciliation";
/// On a BrokerGroup or NameServer: a new value restarts its pods, one after the other.
pub(crate) const RESTART: &str = "gantry.dev/restart";
/// On what the operator makes: hash of what it asked for, so that a field that is asked for no longer is noticed.
pub(crate) const APPLIED: &str = "gantry.dev/applied";
/// On a broker's pod: the settings it runs with, as JSON, so that a restart can say which of them changed.
pub(crate) const CONFIG: &str = "gantry.dev/config";

/// The label by which a StatefulSet marks which of its templates a pod is made from.
pub(crate) const REVISION: &str = "controller-revision-hash";

/// Port of brokers for clients.
pub(crate) const BROKER_PORT: i32 = 10911;
/// Port of name servers for clients and brokers.
pub(crate) const NAME_SERVER_PORT: i32 = 9876;
/// Port of name servers for clients outside the cluster: routes have the brokers' outside addresses.
pub(crate) const NAME_SERVER_EXTERNAL_PORT: i32 = 9877;
/// Port of /healthz, /readyz and /metrics.
pub(crate) const HTTP_PORT: i32 = 8080;

/// What a pod is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Component {
    NameServer,
    Broker,
}

impl Component {
    /// Value of `app.kubernetes.io/name`.
    pub(crate) const fn app(self) -> &'static str {
        match self {
            Self::NameServer => "gantry-nameserver",
            Self::Broker => "gantry-broker",
        }
    }

    /// Labels that never change: what selectors use.
    pub(crate) fn selector(self, instance: &str) -> BTreeMap<String, String> {
        [("app.kubernetes.io/name", self.app()), ("app.kubernetes.io/instance", instance)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    /// Labels of everything made for `instance`.
    pub(crate) fn labels(self, instance: &str) -> BTreeMap<String, String> {
        let mut labels = self.selector(instance);
        labels.insert("app.kubernetes.io/managed-by".into(), OPERATOR.into());
        labels.insert("app.kubernetes.io/part-of".into(), "gantry".into());
        labels
    }

    pub(crate) fn label_selector(self, instance: &str) -> LabelSelector {
        LabelSelector { match_labels: Some(self.selector(instance)), ..LabelSelector::default() }
    }

    /// The NameServer or BrokerGroup that something with our labels was made for.
    pub(crate) fn owner_of<K, O>(self, made: &O) -> Option<ObjectRef<K>>
    where
        K: Resource<DynamicType = ()>,
        O: Resource<DynamicType = ()>,
    {
        let labels = made.labels();
        (labels.get("app.kubernetes.io/name")? == self.app())
            .then(|| labels.get("app.kubernetes.io/instance"))
            .flatten()
            .map(|instance| ObjectRef::new(instance).within(&made.namespace().unwrap_or_default()))
    }

    /// The same as text, for list requests and `kubectl`.
    pub(crate) fn selector_text(self, instance: &str) -> String {
        let pairs: Vec<_> =
            self.selector(instance).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        pairs.join(",")
    }
}

/// The Service that stands for all name servers of a NameServer, one DNS record each.
pub(crate) fn headless(name_server: &str) -> String {
    format!("{name_server}-headless")
}

/// The Service for clients outside.
pub(crate) fn external(name: &str) -> String {
    format!("{name}-external")
}
