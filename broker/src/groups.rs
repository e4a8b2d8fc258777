//! Settings of consumer groups (Apache: `SubscriptionGroupManager`, `subscriptionGroup.json`).

use crate::json_file;
use gantry_message::name;
use gantry_remoting::ResponseCode;
use gantry_remoting::body::{DataVersion, SubscriptionGroupConfig, SubscriptionGroupTable};
use gantry_remoting::reply::Refusal;
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

    /// Changes a group's settings, or makes it.
    ///
    /// # Errors
    /// Nothing changed: see [`change`](Self::change).
    pub(crate) fn update(&self, config: SubscriptionGroupConfig) -> Result<(), Refusal> {
        let name = config.group_name.clone();
        let config = Arc::new(config);
        let stored = (*config).clone();
        self.change(
            &name,
            |known| known == Some(&*config),
            |table| drop(table.insert(name.clone(), stored)),
            |groups| drop(groups.insert(name.as_str().into(), Arc::clone(&config))),
        )
    }

    /// # Errors
    /// It is still there: see [`change`](Self::change).
    pub(crate) fn remove(&self, group: &str) -> Result<(), Refusal> {
        self.change(
            group,
            |known| known.is_none(),
            |table| drop(table.remove(group)),
            |groups| drop(groups.remove(group)),
        )
    }

    /// Makes a change, on the disk first and then for everybody to see: who asked for it is told that it was made.
    fn change(
        &self,
        group: &str,
        is_done: impl Fn(Option<&SubscriptionGroupConfig>) -> bool,
        on_disk: impl FnOnce(&mut BTreeMap<String, SubscriptionGroupConfig>),
        in_memory: impl FnOnce(&mut HashMap<Box<str>, Arc<SubscriptionGroupConfig>>),
    ) -> Result<(), Refusal> {
        let _one_at_a_time = self.save.lock();
        let was_unsaved = self.unsaved.swap(false, Ordering::AcqRel);
        let is_done = is_done(self.get(group).as_deref());
        if is_done && !was_unsaved {
            return Ok(());
        }
        let mut table = self.table();
        if !is_done {
            table.data_version = table.data_version.next();
            on_disk(&mut table.subscription_group_table);
        }
        json_file::save(&self.path, &table).map_err(|error| {
            self.unsaved.fetch_or(was_unsaved, Ordering::AcqRel);
            let path = self.path.display();
            tracing::error!(%path, %error, "cannot save the consumer groups: they stay as they are");
            Refusal::new(
                ResponseCode::SYSTEM_ERROR,
                format!("the consumer groups stay as they are, because {path} cannot be written: {error}"),
            )
        })?;
        if !is_done {
            in_memory(&mut self.groups.write());
            let mut version = self.version.lock();
            // Clients may have made groups meanwhile.
            *version = version.next();
        }
        Ok(())
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
        Groups::load(folder.path(), 0).unwrap().update(changed.clone()).unwrap();
        let again = Groups::load(folder.path(), 0).unwrap();
        assert_eq!(*again.get("TOOLS_CONSUMER").unwrap(), changed);
    }

    #[test]
    fn nobody_is_told_of_a_change_that_is_not_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let groups = Groups::load(folder.path(), 100).unwrap();
        groups.update(of_name("known")).unwrap();
        assert!(groups.find("by a client").is_none() && groups.find("by-a-client").is_some());
        // A folder where the new file has to go.
        std::fs::create_dir(folder.path().join("subscriptionGroup.json.tmp")).unwrap();
        let changed = SubscriptionGroupConfig { retry_max_times: 3, ..of_name("known") };
        let refused = groups.update(changed.clone()).unwrap_err();
        assert!(refused.remark.contains("subscriptionGroup.json cannot be written"), "{refused}");
        assert_eq!(*groups.get("known").unwrap(), of_name("known"));
        assert!(groups.remove("known").is_err() && groups.get("known").is_some());
        std::fs::remove_dir(folder.path().join("subscriptionGroup.json.tmp")).unwrap();
        groups.save();
        groups.update(changed.clone()).unwrap();
        let again = Groups::load(folder.path(), 100).unwrap();
        assert_eq!(*again.get("known").unwrap(), changed);
        assert!(again.get("by-a-client").is_some());
        groups.remove("known").unwrap();
        assert!(Groups::load(folder.path(), 100).unwrap().get("known").is_none());
    }
}
