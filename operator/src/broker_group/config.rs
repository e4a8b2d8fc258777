//! The broker.conf that a BrokerGroup amounts to. Pure.

use crate::names::{BROKER_PORT, HTTP_PORT, NAME_SERVER_PORT, headless};
use gantry_crds::{BrokerGroup, FlushMode};
use kube::ResourceExt as _;
use std::collections::BTreeMap;

/// Where the volume is.
pub(super) const DATA: &str = "/data";

/// The addresses of a broker, as far as the platform has given them out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Addresses {
    /// IP of the broker's own Service: it stays when the pod moves.
    pub(super) inside: String,
    /// `host:port` for clients outside.
    pub(super) outside: Option<String>,
}

/// Settings by their names.
pub(super) type Settings = BTreeMap<String, String>;

pub(super) fn settings(object: &BrokerGroup, addresses: &Addresses) -> Settings {
    let spec = &object.spec;
    let flush = match spec.flush_mode {
        FlushMode::Async => "ASYNC_FLUSH",
        FlushMode::Sync => "SYNC_FLUSH",
    };
    let name_servers = match (&spec.name_server_ref, &spec.name_server_addresses) {
        (Some(reference), _) => {
            let namespace = object.namespace().unwrap_or_default();
            format!("{}.{namespace}.svc:{NAME_SERVER_PORT}", headless(&reference.name))
        }
        (None, addresses) => addresses.clone().unwrap_or_default().join(";"),
    };
    let own = [
        ("brokerName", broker_name(object)),
        ("brokerClusterName", spec.cluster_name.clone()),
        ("brokerId", "0".into()),
        ("brokerIP1", addresses.inside.clone()),
        ("listenPort", BROKER_PORT.to_string()),
        ("namesrvAddr", name_servers),
        // Every name server behind the name, and those that come later.
        ("fetchNameSrvAddrByDnsLookup", "true".into()),
        ("storePathRootDir", format!("{DATA}/store")),
        ("flushDiskType", flush.into()),
        ("leaveTimeoutMillis", (i64::from(spec.leave_seconds) * 1000).to_string()),
        ("probeListenPort", HTTP_PORT.to_string()),
    ];
    let mut settings = spec.config.clone();
    settings.extend(own.map(|(key, value)| (key.to_owned(), value)));
    if let Some(outside) = &addresses.outside {
        settings.insert("externalAddress".into(), outside.clone());
    }
    settings
}

pub(super) fn broker_name(object: &BrokerGroup) -> String {
    object.spec.broker_name.clone().unwrap_or_else(|| object.name_any())
}

/// As a properties file.
pub(super) fn to_properties(settings: &Settings) -> String {
    settings.iter().map(|(key, value)| format!("{key}={}\n", value.replace('\\', "\\\\"))).collect()
}

/// The keys that differ, in words.
pub(super) fn changed(before: &Settings, after: &Settings) -> Vec<String> {
    let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    keys.into_iter()
        .filter(|key| before.get(*key) != after.get(*key))
        .map(|key| {
            let text = |value: Option<&String>| value.map_or("unset", String::as_str).to_owned();
            format!("{key} {} -> {}", text(before.get(key)), text(after.get(key)))
        })
        .collect()
}
