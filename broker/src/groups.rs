//! Settings of consumer groups (Apache: `SubscriptionGroupManager`, `subscriptionGroup.json`).

use crate::json_file;
use gantry_message::name;
use gantry_remoting::body::{DataVersion, SubscriptionGroupConfig, SubscriptionGroupTable};
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All groups that are known.
#[derive(Debug)]
pub(crate) struct Groups {
    path: PathBuf,
    auto_create: bool,
    /// Shared with every pull, so that looking one up copies nothing.
    groups: RwLock<HashMap<Box<str>, Arc<SubscriptionGroupConfig>>>,
    version: Mutex<DataVersion>,
    /// Kept as found, for Apache's broker.
    forbidden: BTreeMap<String, BTreeMap<String, i32>>,
    save: Mutex<()>,
}

impl Groups {
    pub(crate) fn load(config_dir: &Path, auto_create: bool) -> Result<Self, json_file::Error> {
        let path = config_dir.join("subscriptionGroup.json");
        let table: SubscriptionGroupTable = json_file::load(&path)?;
        let groups =
            table.subscription_group_table.into_iter().map(|(name, config)| (name.into(), Arc::new(config)));
        Ok(Self {
            path,
            auto_create,
            groups: RwLock::new(groups.collect()),
            version: Mutex::new(table.data_version),
            forbidden: table.forbidden_table,
            save: Mutex::new(()),
        })
    }

    /// The group's settings; an unknown group is made when that is allowed.
    pub(crate) fn find(&self, group: &str) -> Option<Arc<SubscriptionGroupConfig>> {
        if let Some(config) = self.get(group) {
            return Some(config);
        }
        if !(self.auto_create || name::is_system_group(group)) || name::check_group(group).is_err() {
            return None;
        }
        tracing::info!(group, "consumer group created");
        self.update(SubscriptionGroupConfig {
            group_name: group.into(),
            ..SubscriptionGroupConfig::default()
        });
        self.get(group)
    }

    /// As [`find`](Self::find), without making one.
    pub(crate) fn get(&self, group: &str) -> Option<Arc<SubscriptionGroupConfig>> {
        self.groups.read().get(group).cloned()
    }

    pub(crate) fn update(&self, config: SubscriptionGroupConfig) {
        {
            let mut groups = self.groups.write();
            let known = groups.get(config.group_name.as_str());
            if known.is_some_and(|known| **known == config) {
                return;
            }
            groups.insert(config.group_name.as_str().into(), Arc::new(config));
        }
        self.changed();
    }

    pub(crate) fn remove(&self, group: &str) {
        if self.groups.write().remove(group).is_some() {
            self.changed();
        }
    }

    pub(crate) fn table(&self) -> SubscriptionGroupTable {
        let groups = self.groups.read();
        SubscriptionGroupTable {
            data_version: *self.version.lock(),
            forbidden_table: self.forbidden.clone(),
            subscription_group_table: groups.iter().map(|(n, c)| (n.to_string(), (**c).clone())).collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.read().len()
    }

    /// Writes the file. A failure is told and tried again at the next change.
    fn changed(&self) {
        let _one_at_a_time = self.save.lock();
        {
            let mut version = self.version.lock();
            *version = version.next();
        }
        if let Err(error) = json_file::save(&self.path, &self.table()) {
            tracing::error!(path = %self.path.display(), %error, "cannot save the consumer groups: a restart would forget the change");
        }
    }
}
