//! broker.conf, in the keys of Apache's broker, which Gantry reads as well.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{BROKER_NAME, CLUSTER_NAME};
use crate::ports::PortBlock;

/// Small enough that a test crosses a few files.
const COMMIT_LOG_FILE_KEY: &str = "mappedFileSizeCommitLog";
const COMMIT_LOG_FILE: u32 = 64 * 1024 * 1024;

pub(super) fn write(
    folder: &Path,
    ports: &PortBlock,
    probes: bool,
    overrides: &[(String, String)],
) -> Result<PathBuf> {
    let store = folder.join("store");
    let mut settings: Vec<(String, String)> = [
        ("brokerClusterName", CLUSTER_NAME.into()),
        ("brokerName", BROKER_NAME.into()),
        ("brokerId", "0".into()),
        ("brokerRole", "ASYNC_MASTER".into()),
        ("brokerIP1", "127.0.0.1".into()),
        ("brokerIP2", "127.0.0.1".into()),
        ("bindAddress", "127.0.0.1".into()),
        ("listenPort", ports.broker().to_string()),
        ("haListenPort", (ports.broker() + 1).to_string()),
        ("namesrvAddr", format!("127.0.0.1:{}", ports.name_server())),
        ("storePathRootDir", store.display().to_string()),
        ("storePathCommitLog", store.join("commitlog").display().to_string()),
        // On a slow machine Apache's broker would refuse what waited for 200 ms.
        ("brokerFastFailureEnable", "false".into()),
        ("flushDiskType", "ASYNC_FLUSH".into()),
        ("autoCreateTopicEnable", "true".into()),
        (COMMIT_LOG_FILE_KEY, COMMIT_LOG_FILE.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    if probes {
        // Both brokers know these.
        settings.push(("metricsExporterType".into(), "PROM".into()));
        settings.push(("metricsPromExporterHost".into(), "127.0.0.1".into()));
        settings.push(("metricsPromExporterPort".into(), ports.probes().to_string()));
    }
    for (key, value) in overrides {
        settings.retain(|(known, _)| known != key);
        settings.push((key.clone(), value.clone()));
    }
    // The spelling of 4.9, which documents and old files have, means nothing to 5.x. Gantry is to take both.
    let size = settings.iter().find(|(key, _)| key == COMMIT_LOG_FILE_KEY).map(|(_, size)| size.clone());
    settings.extend(size.map(|size| ("mapedFileSizeCommitLog".to_owned(), size)));
    let text: String = settings.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    let file = folder.join("broker.conf");
    fs::write(&file, text).with_context(|| format!("writing {}", file.display()))?;
    Ok(file)
}
