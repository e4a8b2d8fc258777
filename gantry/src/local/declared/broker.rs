//! A BrokerGroup as a broker of this process.

use crate::local::args::Args;
use crate::local::servers::laptop_config;
use gantry_broker::BrokerConfig;
use gantry_broker::config::{ConfigError, FlushDiskType};
use gantry_crds::{BrokerGroupSpec, FlushMode};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Other things in the data folder, whose names a store cannot have.
const TAKEN: [&str; 2] = ["nameserver", "lock"];

/// The broker's name as clients know it.
pub(super) fn broker_name<'a>(name: &'a str, spec: &'a BrokerGroupSpec) -> &'a str {
    spec.broker_name.as_deref().unwrap_or(name)
}

/// The settings of a BrokerGroup's broker.
pub(super) fn config(
    args: &Args,
    name: &str,
    spec: &BrokerGroupSpec,
    root: PathBuf,
    port: u16,
    name_server: SocketAddr,
) -> Result<BrokerConfig, ConfigError> {
    let mut config = BrokerConfig {
        broker_cluster_name: spec.cluster_name.clone(),
        broker_name: broker_name(name, spec).into(),
        listen_port: port,
        flush_disk_type: match spec.flush_mode {
            FlushMode::Sync => FlushDiskType::Sync,
            FlushMode::Async => FlushDiskType::Async,
        },
        ..laptop_config(args, root, name_server)
    };
    config.apply(&properties(spec))?;
    Ok(config)
}

fn properties(spec: &BrokerGroupSpec) -> String {
    spec.config.iter().map(|(key, value)| format!("{key}={value}\n")).collect()
}

/// Checks what the API server cannot: the values of settings. Gives those that change nothing.
pub(super) fn check(name: &str, spec: &BrokerGroupSpec) -> Result<Vec<String>, String> {
    if TAKEN.contains(&name) {
        return Err(format!("metadata.name: {name} is taken in the data folder; choose another"));
    }
    let mut config = BrokerConfig::new("unused");
    match config.apply(&properties(spec)) {
        Err(ConfigError::Value { key, value, expected }) => {
            Err(format!("spec.config.{key}: {value}: {expected}"))
        }
        Err(error) => Err(format!("spec.config: {error}")),
        Ok(ignored) => Ok(ignored
            .into_iter()
            .map(|ignored| {
                let why = if ignored.has_no_effect { "has no effect in Gantry" } else { "is not known" };
                format!("spec.config.{} {why}", ignored.key)
            })
            .collect()),
    }
}

/// Why a running broker has to be started anew for its spec to hold; nothing when it has not.
pub(super) fn restart_reasons(before: &BrokerGroupSpec, now: &BrokerGroupSpec) -> Vec<String> {
    let mut reasons = Vec::new();
    if before.flush_mode != now.flush_mode {
        reasons.push(format!("flushMode {:?} -> {:?}", before.flush_mode, now.flush_mode));
    }
    if before.cluster_name != now.cluster_name {
        reasons.push(format!("clusterName {} -> {}", before.cluster_name, now.cluster_name));
    }
    if before.broker_name != now.broker_name {
        reasons.push("brokerName".into());
    }
    let keys: std::collections::BTreeSet<_> = before.config.keys().chain(now.config.keys()).collect();
    for key in keys {
        let (was, is) = (before.config.get(key), now.config.get(key));
        if was != is {
            let text = |value: Option<&String>| value.map_or("default", String::as_str).to_owned();
            reasons.push(format!("config.{key} {} -> {}", text(was), text(is)));
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(yaml: &str) -> BrokerGroupSpec {
        serde_yaml::from_str(yaml).unwrap()
    }

    #[test]
    fn only_what_the_broker_reads_at_its_start_restarts_it() {
        let before = spec("{storage: {size: 1Gi}, config: {a: '1', b: '2'}}");
        assert!(
            restart_reasons(
                &before,
                &spec("{storage: {size: 2Gi}, leaveSeconds: 5, config: {a: '1', b: '2'}}")
            )
            .is_empty()
        );
        assert_eq!(
            restart_reasons(
                &before,
                &spec("{storage: {size: 1Gi}, flushMode: Sync, config: {b: '3', c: x}}")
            ),
            ["flushMode Async -> Sync", "config.a 1 -> default", "config.b 2 -> 3", "config.c default -> x"]
        );
    }

    #[test]
    fn settings_without_effect_are_told() {
        let told = check(
            "main",
            &spec("{storage: {size: 1Gi}, config: {sendMessageThreadPoolNums: '4', nonsense: x}}"),
        );
        assert_eq!(
            told.unwrap(),
            [
                "spec.config.nonsense is not known",
                "spec.config.sendMessageThreadPoolNums has no effect in Gantry"
            ]
        );
    }
}
