//! `status.json`: what is known about declared topics and groups, as a cluster would keep it.
//!
//! Replaced as a whole: written under another name, synced, renamed. A crash leaves the old one or the new one; the plans
//! go on from either.

use super::fleet::Slots;
use gantry_admin::Journal;
use gantry_crds::{ConsumerGroup, ConsumerGroupSpec, ConsumerGroupStatus, Topic, TopicSpec, TopicStatus};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// What is written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Contents {
    /// Where brokers are in the row of ports.
    pub(super) slots: Slots,
    /// By `metadata.name`. Those that are not declared any more are being deleted.
    pub(super) topics: BTreeMap<String, Topic>,
    /// The same.
    pub(super) consumer_groups: BTreeMap<String, ConsumerGroup>,
}

/// The file and what is in it.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    pub(super) contents: Contents,
}

/// Why the file is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is not what was written.
    #[error(
        "{} is damaged ({source}): move it away to start without; topics and groups that exist have to be adopted then \
         (adopt: true)", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl Store {
    pub(super) fn open(path: PathBuf) -> Result<Self, Error> {
        let contents = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Contents::default(),
            Err(source) => return Err(Error::Read { path, source }),
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(contents) => contents,
                Err(source) => return Err(Error::Damaged { path, source }),
            },
        };
        Ok(Self { path, contents })
    }

    /// Writes the file.
    pub(super) fn save(&self) -> io::Result<()> {
        let fresh = self.path.with_extension("json.tmp");
        let mut file = File::create(&fresh)?;
        file.write_all(&serde_json::to_vec_pretty(&self.contents)?)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        File::open(self.path.parent().filter(|dir| *dir != Path::new("")).unwrap_or_else(|| Path::new(".")))?
            .sync_all()
    }

    /// Takes over a topic's spec. It is written with its next status.
    pub(super) fn declare_topic(&mut self, name: &str, spec: &TopicSpec) {
        let topic =
            self.contents.topics.entry(name.to_owned()).or_insert_with(|| Topic::new(name, spec.clone()));
        let generation = topic.metadata.generation.get_or_insert(1);
        if topic.spec != *spec {
            *generation += 1;
            topic.spec = spec.clone();
        }
    }

    /// Takes over a group's spec. It is written with its next status.
    pub(super) fn declare_group(&mut self, name: &str, spec: &ConsumerGroupSpec) {
        let groups = &mut self.contents.consumer_groups;
        let group = groups.entry(name.to_owned()).or_insert_with(|| ConsumerGroup::new(name, spec.clone()));
        let generation = group.metadata.generation.get_or_insert(1);
        if group.spec != *spec {
            *generation += 1;
            group.spec = spec.clone();
        }
    }
}

/// Writes the status of one object, and collects what was done to it.
pub(super) struct Entry<'a> {
    pub(super) store: &'a mut Store,
    pub(super) name: &'a str,
    pub(super) did: Vec<String>,
}

impl Journal<TopicStatus> for Entry<'_> {
    type Error = io::Error;

    async fn write(&mut self, status: &TopicStatus) -> io::Result<()> {
        if let Some(topic) = self.store.contents.topics.get_mut(self.name) {
            topic.status = Some(status.clone());
        }
        self.store.save()
    }

    fn did(&mut self, action: &str) {
        self.did.push(action.to_owned());
    }
}

impl Journal<ConsumerGroupStatus> for Entry<'_> {
    type Error = io::Error;

    async fn write(&mut self, status: &ConsumerGroupStatus) -> io::Result<()> {
        if let Some(group) = self.store.contents.consumer_groups.get_mut(self.name) {
            group.status = Some(status.clone());
        }
        self.store.save()
    }

    fn did(&mut self, action: &str) {
        self.did.push(action.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_there_again_and_a_changed_spec_is_a_new_generation() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("status.json");
        let mut store = Store::open(path.clone()).unwrap();
        let mut spec: TopicSpec = serde_yaml::from_str("{brokerGroups: [a]}").unwrap();
        store.declare_topic("orders", &spec);
        store.declare_topic("orders", &spec);
        spec.queues = 4;
        store.declare_topic("orders", &spec);
        store.save().unwrap();
        let again = Store::open(path.clone()).unwrap();
        let topic = &again.contents.topics["orders"];
        assert_eq!((topic.spec.queues, topic.metadata.generation), (4, Some(2)));
        fs::write(&path, "{\"topics\":").unwrap();
        assert!(Store::open(path).unwrap_err().to_string().contains("adopt: true"));
    }
}
