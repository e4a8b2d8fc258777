//! Settings of consumer groups (Apache: `SubscriptionGroupManager`, `subscriptionGroup.json`).

use crate::json_file;
use gantry_message::name;
use gantry_remoting::body::{DataVersion, SubscriptionGroupConfig, SubscriptionGroupTable};
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// All groups that are known.
#[derive(Debug)]
pub(crate) struct Groups {
    path: PathBuf,
    /// Clients make groups as long as there are fewer.
    auto_create_max: usize,
    /// Shared with every pull, so that looking one up copies nothing.
    groups: RwLock<HashMap<Box<str>, Arc<SubscriptionGroupConfig>>>,
    version: Mutex<DataVersion>,
    /// Kept as found, for Apache's broker.
    forbidden: BTreeMap<String, BTreeMap<String, i32>>,
    save: Mutex<()>,
    /// Something changed after the file was written last.
    unsaved: AtomicBool,
}

impl Groups {
    /// `auto_create_max`: how many groups there may be for clients to make one more; 0 when they may not.
    pub(crate) fn load(config_dir: &Path, auto_create_max: usize) -> Result<Self, json_file::Error> {
        let path = config_dir.join("subscriptionGroup.json");
        let table: SubscriptionGroupTable = json_file::load(&path)?;
        let groups =
            table.subscription_group_table.into_iter().map(|(name, config)| (name.into(), Arc::new(config)));
        Ok(Self {
            path,
            auto_create_max,
            groups: RwLock::new(groups.collect()),
            version: Mutex::new(table.data_version),
            forbidden: table.forbidden_table,
            save: Mutex::new(()),
            unsaved: AtomicBool::new(false),
        })
    }

    /// The group's settings; an unknown group is made when that is allowed.
    pub(crate) fn find(&self, group: &str) -> Option<Arc<SubscriptionGroupConfig>> {
        if let Some(config) = self.get(group) {
            return Some(config);
        }
        let may_be_made = self.len() < self.auto_create_max || name::is_system_group(group);
        if !may_be_made || name::check_group(group).is_err() {
            return None;
        }
        tracing::info!(group, "consumer group created");
        // Not written at once: a client makes it again after a crash, and shall not wait for the disk here.
        self.put(SubscriptionGroupConfig { group_name: group.into(), ..SubscriptionGroupConfig::default() });
        self.get(group)
    }

    /// As [`find`](Self::find), without making one.
    pub(crate) fn get(&self, group: &str) -> Option<Arc<SubscriptionGroupConfig>> {
        self.groups.read().get(group).cloned()
    }

    pub(crate) fn update(&self, config: SubscriptionGroupConfig) {
        self.put(config);
        self.save();
    }

    pub(crate) fn remove(&self, group: &str) {
        if self.groups.write().remove(group).is_some() {
            self.changed();
        }
        self.save();
    }

    fn put(&self, config: SubscriptionGroupConfig) {
        let mut groups = self.groups.write();
        let known = groups.get(config.group_name.as_str());
        if known.is_some_and(|known| **known == config) {
            return;
        }
        groups.insert(config.group_name.as_str().into(), Arc::new(config));
        drop(groups);
        self.changed();
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

    fn changed(&self) {
        let mut version = self.version.lock();
        *version = version.next();
        self.unsaved.store(true, Ordering::Release);
    }

    /// Writes the file if it is not up to date. A failure is told and tried again the next time.
    pub(crate) fn save(&self) {
        let _one_at_a_time = self.save.lock();
        if !self.unsaved.swap(false, Ordering::AcqRel) {
            return;
        }
        if let Err(error) = json_file::save(&self.path, &self.table()) {
            self.unsaved.store(true, Ordering::Release);
            tracing::error!(path = %self.path.display(), %error, "cannot save the consumer groups: a restart would forget the change");
        }
    }
}
