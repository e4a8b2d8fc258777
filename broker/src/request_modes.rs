//! Which groups read which topics by POP (Apache: `MessageRequestModeManager`, `messageRequestMode.json`).

use crate::json_file;
use gantry_remoting::body::SetRequestMode;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// By topic and group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ModeFile {
    message_request_mode_map: BTreeMap<String, BTreeMap<String, SetRequestMode>>,
}

/// Modes that were set.
#[derive(Debug)]
pub(crate) struct RequestModes {
    path: PathBuf,
    file: Mutex<ModeFile>,
}

impl RequestModes {
    pub(crate) fn load(config_dir: &Path) -> Result<Self, json_file::Error> {
        let path = config_dir.join("messageRequestMode.json");
        let file = json_file::load(&path)?;
        Ok(Self { path, file: Mutex::new(file) })
    }

    pub(crate) fn get(&self, topic: &str, group: &str) -> Option<SetRequestMode> {
        self.file.lock().message_request_mode_map.get(topic)?.get(group).cloned()
    }

    /// Sets a mode, on the disk first.
    pub(crate) fn set(&self, mode: SetRequestMode) -> io::Result<()> {
        let mut file = self.file.lock();
        let mut new = file.clone();
        let groups = new.message_request_mode_map.entry(mode.topic.clone()).or_default();
        groups.insert(mode.consumer_group.clone(), mode);
        json_file::save(&self.path, &new)?;
        *file = new;
        Ok(())
    }
}
