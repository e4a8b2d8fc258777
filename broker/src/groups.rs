//! Settings of consumer groups (Apache: `SubscriptionGroupManager`, `subscriptionGroup.json`).

use crate::json_file;
use gantry_message::name;
use gantry_remoting::body::{SubscriptionGroupConfig, SubscriptionGroupTable};
use parking_lot::RwLock;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All groups that are known.
#[derive(Debug)]
pub(crate) struct Groups {
    path: PathBuf,
    auto_create: bool,
    table: RwLock<SubscriptionGroupTable>,
    save: parking_lot::Mutex<()>,
}

impl Groups {
    pub(crate) fn load(config_dir: &Path, auto_create: bool) -> Result<Self, json_file::Error> {
        let path = config_dir.join("subscriptionGroup.json");
        let table: SubscriptionGroupTable = json_file::load(&path)?;
        Ok(Self { path, auto_create, table: RwLock::new(table), save: parking_lot::Mutex::new(()) })
    }

    /// The group's settings; an unknown group is made when that is allowed.
    pub(crate) fn find(&self, group: &str) -> Option<Arc<SubscriptionGroupConfig>> {
        if let Some(config) = self.table.read().subscription_group_table.get(group) {
            return Some(Arc::new(config.clone()));
        }
        if !(self.auto_create || name::is_system_group(group)) || name::check_group(group).is_err() {
            return None;
        }
        let config =
            SubscriptionGroupConfig { group_name: group.into(), ..SubscriptionGroupConfig::default() };
        tracing::info!(group, "consumer group created");
        self.update(config.clone());
        Some(Arc::new(config))
    }

    /// As [`find`](Self::find), without making one.
    pub(crate) fn get(&self, group: &str) -> Option<SubscriptionGroupConfig> {
        self.table.read().subscription_group_table.get(group).cloned()
    }

    pub(crate) fn update(&self, config: SubscriptionGroupConfig) {
        {
            let mut table = self.table.write();
            if table.subscription_group_table.get(&config.group_name) == Some(&config) {
                return;
            }
            table.subscription_group_table.insert(config.group_name.clone(), config);
            table.data_version = table.data_version.next();
        }
        self.save();
    }

    pub(crate) fn remove(&self, group: &str) -> bool {
        let removed = {
            let mut table = self.table.write();
            table.data_version = table.data_version.next();
            table.subscription_group_table.remove(group).is_some()
        };
        if removed {
            self.save();
        }
        removed
    }

    pub(crate) fn table(&self) -> SubscriptionGroupTable {
        self.table.read().clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.table.read().subscription_group_table.len()
    }

    /// Writes the file. A failure is told and tried again at the next change.
    pub(crate) fn save(&self) {
        let _one_at_a_time = self.save.lock();
        if let Err(error) = json_file::save(&self.path, &self.table()) {
            tracing::error!(path = %self.path.display(), %error, "cannot save the consumer groups: a restart would forget the change");
        }
    }
}
