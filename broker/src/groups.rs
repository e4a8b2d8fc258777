//! Settings of consumer groups (Apache: `SubscriptionGroupManager`, `subscriptionGroup.json`).

use crate::json_file;
use gantry_message::name;
use gantry_remoting::body::{DataVersion, SubscriptionGroupConfig, SubscriptionGroupTable};
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

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
    /// Told when a client has made a group.
    made: Notify,
}

impl Groups {
    /// `auto_create_max`: how many groups there may be for clients to make one more; 0 when they may not.
    pub(crate) fn load(config_dir: &Path, auto_create_max: usize) -> Result<Self, json_file::Error> {
        let path = config_dir.join("subscriptionGroup.json");
        let table: SubscriptionGroupTable = json_file::load(&path)?;
        let known =
            table.subscription_group_table.into_iter().map(|(name, config)| (name.into(), Arc::new(config)));
        let mut groups: HashMap<Box<str>, _> = known.collect();
        // The dashboard takes a broker without groups for one that did not answer.
        for name in name::GROUPS_OF_EVERY_BROKER {
            groups.entry(name.into()).or_insert_with(|| Arc::new(of_name(name)));
        }
        Ok(Self {
            path,
            auto_create_max,
            groups: RwLock::new(groups),
            version: Mutex::new(table.data_version),
            forbidden: table.forbidden_table,
            save: Mutex::new(()),
            unsaved: AtomicBool::new(false),
            made: Notify::new(),
        })
    }

    /// The group's settings; an unknown group is made when that is allowed. It is saved later, since the file has all groups, and a
    /// client that is here after a crash makes its group again.
    pub(crate) fn find(&self, group: &str) -> Option<Arc<SubscriptionGroupConfig>> {
        if let Some(config) = self.get(group) {
            return Some(config);
        }
        let may_be_made = self.len() < self.auto_create_max || name::is_system_group(group);
        if !may_be_made || name::check_group(group).is_err() {
            return None;
        }
        tracing::info!(group, "consumer group created");
        self.put(of_name(group));
        self.made.notify_one();
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

    /// Waits until there is something to save.
    pub(crate) async fn unsaved(&self) {
        while !self.unsaved.load(Ordering::Acquire) {
            self.made.notified().await;
        }
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

/// A group with the settings that it has when nobody said anything about it.
fn of_name(group: &str) -> SubscriptionGroupConfig {
    SubscriptionGroupConfig { group_name: group.into(), ..SubscriptionGroupConfig::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_broker_has_the_systems_groups() {
        let folder = tempfile::tempdir().unwrap();
        let groups = Groups::load(folder.path(), 0).unwrap();
        let names: Vec<String> = groups.table().subscription_group_table.into_keys().collect();
        assert_eq!(names.len(), name::GROUPS_OF_EVERY_BROKER.len());
        assert!(names.iter().all(|group| name::is_system_group(group)), "{names:?}");
        assert!(!folder.path().join("subscriptionGroup.json").exists(), "nothing to keep yet");
    }

    #[test]
    fn settings_of_a_systems_group_stay() {
        let folder = tempfile::tempdir().unwrap();
        let changed = SubscriptionGroupConfig { retry_max_times: 3, ..of_name("TOOLS_CONSUMER") };
        Groups::load(folder.path(), 0).unwrap().update(changed.clone());
        let again = Groups::load(folder.path(), 0).unwrap();
        assert_eq!(*again.get("TOOLS_CONSUMER").unwrap(), changed);
    }
}
