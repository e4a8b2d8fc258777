//! The topics of this broker and their queues (Apache: `TopicConfigManager`, `topics.json`).

use crate::BrokerConfig;
use crate::holds::Readers;
use crate::json_file;
use crate::retention;
use crate::scaling::Cell;
use crate::traffic::Traffic;
use gantry_message::name;
use gantry_remoting::ResponseCode;
use gantry_remoting::body::{
    DataVersion, FLAG_UNIT, PERM_INHERIT, PERM_READ, PERM_WRITE, TopicConfig, TopicConfigTable,
};
use gantry_remoting::reply::Refusal;
use gantry_store::{ById, ByName, ConsumeQueue, Named, Numbered, Store};
use parking_lot::{Mutex, RwLock};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A queue: its place in the store, and what is known of its readers.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) log: Arc<ConsumeQueue>,
    pub(crate) readers: Readers,
}

impl Numbered for Queue {
    fn id(&self) -> i32 {
        self.log.id()
    }
}

/// A topic's settings and the queues that were used so far.
#[derive(Debug)]
pub(crate) struct Topic {
    name: Box<str>,
    config: RwLock<Arc<TopicConfig>>,
    queues: RwLock<ById<Queue>>,
    /// Which of the queues take messages, and who may read them, when their number was changed in order.
    pub(crate) scales: Cell,
    /// Of topics that have any.
    traffic: OnceLock<Box<Traffic>>,
}

impl Named for Topic {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Topic {
    fn new(config: TopicConfig, alike: &Alike) -> Self {
        Self {
            name: config.topic_name.as_str().into(),
            scales: Cell::of_new(&config),
            config: RwLock::new(alike.share(config)),
            queues: RwLock::default(),
            traffic: OnceLock::new(),
        }
    }

    pub(crate) fn traffic(&self) -> &Traffic {
        self.traffic.get_or_init(Box::default)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its settings, without its name: see [`Alike`].
    pub(crate) fn config(&self) -> Arc<TopicConfig> {
        Arc::clone(&self.config.read())
    }

    /// Its settings, with its name.
    pub(crate) fn named_config(&self) -> TopicConfig {
        TopicConfig { topic_name: self.name().into(), ..(*self.config()).clone() }
    }

    /// The queue with this id, which the caller has checked against the topic's counts.
    pub(crate) fn queue(&self, store: &Store, id: i32) -> Arc<Queue> {
        if let Some(queue) = self.queues.read().get(id) {
            return Arc::clone(queue);
        }
        self.queues.write().get_or_insert_with(id, || {
            let log = store.queue(&self.name, id);
            Queue { log, readers: Readers::default() }
        })
    }

    /// The offset that a group asked for last in a queue; `None` when it never asked.
    pub(crate) fn asked(&self, group: &str, queue: i32) -> Option<i64> {
        let queues = self.queues.read();
        queues.get(queue)?.readers.asked(group).map(|offset| offset.0)
    }

    /// Everybody who waits for a message of this topic.
    fn wake_all(&self) {
        self.queues.read().iter().for_each(|queue| queue.readers.wake_all());
    }

    /// Members of a group that wait in front of a gate: it may have opened.
    pub(crate) fn wake_gated(&self, group: &str) {
        self.queues.read().iter().for_each(|queue| queue.readers.wake_gated(group));
    }
}

/// The settings that a topic got last. Where topics are many, most have the same as the one before, but for the name: these share
/// them, without it.
#[derive(Debug, Default)]
struct Alike(Mutex<Arc<TopicConfig>>);

impl Alike {
    fn share(&self, config: TopicConfig) -> Arc<TopicConfig> {
        let config = TopicConfig { topic_name: String::new(), ..config };
        let mut last = self.0.lock();
        if **last != config {
            *last = Arc::new(config);
        }
        Arc::clone(&last)
    }
}

/// All topics.
#[derive(Debug)]
pub(crate) struct Topics {
    topics: RwLock<HashSet<ByName<Topic>>>,
    alike: Alike,
    /// Changes with every change of a topic, across restarts too: name servers compare it for equality.
    version: RwLock<DataVersion>,
    /// Held for the whole of a change, of which there is one at a time.
    file: Mutex<File>,
}

/// `topics.json`.
#[derive(Debug)]
struct File {
    path: PathBuf,
}

impl Topics {
    /// Loads `topics.json` and adds the system's topics; and those of `stored`, topics with their numbers of queues, when the file is
    /// not what was saved last: a topic that was made after that has messages.
    pub(crate) fn load(
        config_dir: &Path,
        config: &BrokerConfig,
        stored: impl Fn() -> Vec<(Box<str>, i32)>,
    ) -> Result<Self, json_file::Error> {
        let path = config_dir.join("topics.json");
        let (mut file, is_latest): (TopicConfigTable, bool) = json_file::load_latest(&path)?;
        let mut bad = Vec::new();
        file.topic_config_table.retain(|topic, config| {
            let is_good = name::check_topic(topic).is_ok() && *topic == config.topic_name;
            if !is_good {
                bad.push(topic.clone());
            }
            is_good
        });
        json_file::keep_entries(&path, &bad);
        for topic in system_topics(config) {
            file.topic_config_table.entry(topic.topic_name.clone()).or_insert(topic);
        }
        for (topic, queues) in if is_latest { Vec::new() } else { stored() } {
            if name::is_system_topic(&topic) || name::is_send_forbidden(&topic) {
                continue;
            }
            file.topic_config_table.entry(topic.to_string()).or_insert_with(|| {
                tracing::warn!(%topic, queues, "not in topics.json, and has messages: it is there again, with the usual settings");
                TopicConfig::new(&topic, queues, PERM_READ | PERM_WRITE)
            });
        }
        if !config.auto_create_topic_enable {
            // Clients would take its route for that of any unknown topic.
            file.topic_config_table.remove(name::DEFAULT_TOPIC);
        }
        let alike = Alike::default();
        let topics =
            file.topic_config_table.into_values().map(|config| ByName(Arc::new(Topic::new(config, &alike))));
        Ok(Self {
            topics: RwLock::new(topics.collect()),
            alike,
            version: RwLock::new(file.data_version.next()),
            file: Mutex::new(File { path }),
        })
    }

    pub(crate) fn get(&self, topic: &str) -> Option<Arc<Topic>> {
        self.topics.read().get(topic).map(|found| Arc::clone(&found.0))
    }

    /// The version of all settings.
    pub(crate) fn version(&self) -> DataVersion {
        *self.version.read()
    }

    fn all_that(&self, is: impl Fn(&Topic) -> bool) -> Vec<Arc<Topic>> {
        self.topics.read().iter().map(|topic| &topic.0).filter(|topic| is(topic)).cloned().collect()
    }

    /// Topics whose number of queues was ever changed in order, or whose messages the broker puts to queues by their keys.
    pub(crate) fn scaled(&self) -> Vec<Arc<Topic>> {
        self.all_that(|topic| topic.scales.now().is_some())
    }

    /// Names of topics whose messages expire by themselves, and after what time.
    pub(crate) fn with_retention(&self) -> Vec<(Box<str>, Duration)> {
        let topics = self.topics.read();
        let kept = |topic: &Topic| retention::of(&topic.config()).ok().flatten();
        topics.iter().filter_map(|topic| Some((topic.0.name().into(), kept(&topic.0)?))).collect()
    }

    /// Topics that messages went into or out of since the start.
    pub(crate) fn with_traffic(&self) -> Vec<Arc<Topic>> {
        self.all_that(|topic| topic.traffic.get().is_some())
    }

    /// The `look`-th look at what goes into topics and out of them.
    pub(crate) fn look_at_traffic(&self, look: i64) {
        let topics = self.topics.read();
        topics.iter().filter_map(|topic| topic.0.traffic.get()).for_each(|traffic| traffic.look(look));
    }

    pub(crate) fn len(&self) -> usize {
        self.topics.read().len()
    }

    /// All settings, with the version that they make up.
    pub(crate) fn table(&self) -> TopicConfigTable {
        let topics = self.topics.read();
        TopicConfigTable {
            data_version: *self.version.read(),
            topic_config_table: topics
                .iter()
                .map(|topic| (topic.0.name().to_owned(), topic.0.named_config()))
                .collect(),
        }
    }

    /// Changes a topic's settings. False when nothing changed.
    ///
    /// # Errors
    /// Nothing changed: see [`change`](Self::change).
    pub(crate) fn update(&self, topic: &Arc<Topic>, config: TopicConfig) -> Result<bool, Refusal> {
        let file = self.file.lock();
        let is_known = self.get(topic.name()).is_some_and(|known| Arc::ptr_eq(&known, topic));
        let config = TopicConfig { topic_name: topic.name().into(), ..config };
        if !is_known || topic.named_config() == config {
            return Ok(false);
        }
        let saved = config.clone();
        self.change(
            &file,
            |table| drop(table.insert(topic.name().into(), saved)),
            |_| *topic.config.write() = self.alike.share(config),
        )?;
        // Whoever waits on a queue that is not readable any more must be told.
        topic.wake_all();
        Ok(true)
    }

    /// The topic, made with `config` when it is new. True when it was.
    ///
    /// # Errors
    /// It is new and was not made: see [`change`](Self::change).
    pub(crate) fn get_or_create(
        &self,
        topic: &str,
        config: impl FnOnce() -> TopicConfig,
    ) -> Result<(Arc<Topic>, bool), Refusal> {
        if let Some(topic) = self.get(topic) {
            return Ok((topic, false));
        }
        let file = self.file.lock();
        // Somebody else made it meanwhile.
        if let Some(topic) = self.get(topic) {
            return Ok((topic, false));
        }
        let config = config();
        let made = Arc::new(Topic::new(config.clone(), &self.alike));
        self.change(
            &file,
            |table| drop(table.insert(topic.into(), config)),
            |topics| {
                topics.insert(ByName(Arc::clone(&made)));
            },
        )?;
        Ok((made, true))
    }

    /// Makes topics that are new, with one change of the file. True when there was one.
    ///
    /// # Errors
    /// None was made: see [`change`](Self::change).
    pub(crate) fn create_all(&self, configs: Vec<TopicConfig>) -> Result<bool, Refusal> {
        let file = self.file.lock();
        let new: BTreeMap<_, _> = configs
            .into_iter()
            .filter(|config| self.get(&config.topic_name).is_none())
            .map(|config| (config.topic_name.clone(), config))
            .collect();
        if new.is_empty() {
            return Ok(false);
        }
        self.change(
            &file,
            |table| table.extend(new.clone()),
            |topics| {
                topics.extend(
                    new.values().map(|config| ByName(Arc::new(Topic::new(config.clone(), &self.alike)))),
                );
            },
        )?;
        Ok(true)
    }

    /// The topic that a send to an unknown name makes, if it may (Apache: `createTopicInSendMessageMethod`) and there are
    /// fewer than `max`.
    ///
    /// # Errors
    /// It may and was not made: there are too many, or see [`change`](Self::change).
    pub(crate) fn inherit(
        &self,
        topic: &str,
        default_topic: &str,
        queues: i32,
        max: usize,
        unit_mode: bool,
    ) -> Result<Option<Arc<Topic>>, Refusal> {
        let default = self.get(default_topic).map(|default| default.config());
        let Some(default) = default.filter(|default| default.perm & PERM_INHERIT != 0) else {
            return Ok(None);
        };
        if self.len() >= max {
            return Err(Refusal::new(
                ResponseCode::TOPIC_NOT_EXIST,
                format!(
                    "topic[{topic}] not exist, and sends make no more topics because there are {max} (autoCreateTopicMax): create it with mqadmin updateTopic or as a Topic resource"
                ),
            ));
        }
        let queues = queues.min(default.write_queue_nums).max(0);
        let config = || TopicConfig {
            topic_sys_flag: if unit_mode { FLAG_UNIT } else { 0 },
            topic_filter_type: default.topic_filter_type.clone(),
            ..TopicConfig::new(topic, queues, default.perm & !PERM_INHERIT)
        };
        Ok(Some(self.get_or_create(topic, config)?.0))
    }

    /// Forgets a topic; its messages are the store's business.
    ///
    /// # Errors
    /// It is still there: see [`change`](Self::change).
    pub(crate) fn remove(&self, topic: &str) -> Result<bool, Refusal> {
        let file = self.file.lock();
        let Some(removed) = self.get(topic) else { return Ok(false) };
        self.change(
            &file,
            |table| drop(table.remove(topic)),
            |topics| {
                topics.remove(topic);
            },
        )?;
        removed.wake_all();
        Ok(true)
    }

    /// Makes a change, on the disk first and then for everybody to see: a message that was taken for a topic or a queue that
    /// no file tells of would be lost to a restart.
    fn change(
        &self,
        file: &File,
        on_disk: impl FnOnce(&mut BTreeMap<String, TopicConfig>),
        in_memory: impl FnOnce(&mut HashSet<ByName<Topic>>),
    ) -> Result<(), Refusal> {
        let mut table = self.table();
        table.data_version = table.data_version.next();
        on_disk(&mut table.topic_config_table);
        json_file::save(&file.path, &table).map_err(|error| {
            let path = file.path.display();
            tracing::error!(%path, %error, "cannot save the topics: they stay as they are");
            Refusal::new(
                ResponseCode::SYSTEM_ERROR,
                format!("the topics stay as they are, because {path} cannot be written: {error}"),
            )
        })?;
        let mut topics = self.topics.write();
        in_memory(&mut topics);
        *self.version.write() = table.data_version;
        Ok(())
    }
}

/// Topics that Apache's broker makes at its start.
fn system_topics(config: &BrokerConfig) -> Vec<TopicConfig> {
    const READ_WRITE: i32 = PERM_READ | PERM_WRITE;
    const ALL: i32 = READ_WRITE | PERM_INHERIT;
    let (cluster, broker) = (&config.broker_cluster_name, &config.broker_name);
    let mut topics = vec![
        TopicConfig::new("SELF_TEST_TOPIC", 1, READ_WRITE),
        TopicConfig::new("BenchmarkTest", 1024, READ_WRITE),
        TopicConfig::new(cluster, 16, ALL),
        TopicConfig::new(broker, 1, ALL),
        TopicConfig::new("OFFSET_MOVED_EVENT", 1, READ_WRITE),
        TopicConfig::new(name::SCHEDULE_TOPIC, 18, READ_WRITE),
        TopicConfig::new(&format!("{cluster}_REPLY_TOPIC"), 1, READ_WRITE),
        TopicConfig::new(&format!("rmq_sys_REVIVE_LOG_{cluster}"), 8, READ_WRITE),
        TopicConfig::new(name::HALF_TOPIC, 1, READ_WRITE),
        TopicConfig::new(name::HALF_MARKS_TOPIC, 1, READ_WRITE),
        TopicConfig::new(name::TIMER_TOPIC, 1, READ_WRITE),
    ];
    if config.auto_create_topic_enable {
        topics.push(TopicConfig::new(name::DEFAULT_TOPIC, config.default_topic_queue_nums, ALL));
    }
    if config.trace_topic_enable {
        topics.push(TopicConfig::new(&config.msg_trace_topic_name, 1, READ_WRITE));
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(dir: &Path, auto_create: bool) -> Topics {
        let config = BrokerConfig { auto_create_topic_enable: auto_create, ..BrokerConfig::new(dir) };
        Topics::load(dir, &config, Vec::new).unwrap()
    }

    #[test]
    fn topics_of_a_lost_file_are_those_that_have_messages() {
        let dir = tempfile::tempdir().unwrap();
        let config = BrokerConfig::new(dir.path());
        let stored = || vec![("orders".into(), 3), (name::TIMER_MARKS_TOPIC.into(), 1)];
        let topics = Topics::load(dir.path(), &config, stored).unwrap();
        assert_eq!(topics.get("orders").unwrap().config().read_queue_nums, 3);
        assert!(topics.get(name::TIMER_MARKS_TOPIC).is_none());
        // What was saved last has all there are.
        json_file::save(&dir.path().join("topics.json"), &TopicConfigTable::default()).unwrap();
        assert!(Topics::load(dir.path(), &config, stored).unwrap().get("orders").is_none());
    }

    #[test]
    fn an_unknown_topic_inherits_when_it_may() {
        let dir = tempfile::tempdir().unwrap();
        let on = topics(dir.path(), true);
        let config = on.inherit("T", name::DEFAULT_TOPIC, 4, 100, false).unwrap().unwrap().config();
        assert_eq!((config.write_queue_nums, config.read_queue_nums, config.perm), (4, 4, 6));
        assert_eq!(config.topic_sys_flag, 0);
        let many = on.inherit("U", name::DEFAULT_TOPIC, 99, 100, true).unwrap().unwrap().config();
        assert_eq!((many.write_queue_nums, many.topic_sys_flag), (8, FLAG_UNIT));
        assert!(
            on.inherit("V", "BenchmarkTest", 4, 100, false).unwrap().is_none(),
            "without the inherit bit"
        );
        let full = on.inherit("X", name::DEFAULT_TOPIC, 4, on.len(), false).unwrap_err();
        assert!(full.remark.contains("autoCreateTopicMax"), "{full}");
        let off = topics(dir.path(), false);
        assert!(off.inherit("W", name::DEFAULT_TOPIC, 4, 100, false).unwrap().is_none());
        assert!(off.get("T").is_some(), "what was made stays");
    }

    #[test]
    fn every_change_has_another_version_across_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let first = topics(dir.path(), true);
        let mut versions = vec![first.table().data_version];
        let (topic, is_new) = first.get_or_create("T", || TopicConfig::new("T", 4, 6)).unwrap();
        assert!(is_new);
        versions.push(first.table().data_version);
        assert!(!first.update(&topic, TopicConfig::new("T", 4, 6)).unwrap(), "no change");
        assert!(first.update(&topic, TopicConfig::new("T", 8, 6)).unwrap());
        versions.push(first.table().data_version);
        let again = topics(dir.path(), true);
        versions.push(again.table().data_version);
        assert_eq!(again.get("T").unwrap().config().write_queue_nums, 8);
        let distinct: HashSet<_> = versions.iter().map(|v| (v.counter, v.timestamp)).collect();
        assert_eq!(distinct.len(), versions.len());
    }

    #[test]
    fn a_topic_that_cannot_be_is_put_aside_with_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let first = topics(dir.path(), true);
        first.get_or_create("orders", || TopicConfig::new("orders", 4, 6)).unwrap();
        let path = dir.path().join("topics.json");
        let text = std::fs::read_to_string(&path).unwrap().replace("\"orders\":", "\"ordeRs\":");
        // As Apache's broker would have left it.
        let text = format!("{}}}", text.rsplit_once(",\"gantryCrc32\"").unwrap().0);
        std::fs::write(&path, &text).unwrap();
        let again = topics(dir.path(), true);
        assert!(again.get("orders").is_none() && again.get("ordeRs").is_none());
        again.get_or_create("other", || TopicConfig::new("other", 4, 6)).unwrap();
        let names = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path());
        let aside = names.filter(|path| path.to_string_lossy().contains(".aside-")).collect::<Vec<_>>();
        assert_eq!(std::fs::read_to_string(&aside[0]).unwrap(), text);
    }

    #[test]
    fn nobody_sees_what_is_not_on_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let topics = topics(dir.path(), true);
        let (known, _) = topics.get_or_create("known", || TopicConfig::new("known", 4, 6)).unwrap();
        let version = topics.version();
        // A folder where the new file has to go.
        std::fs::create_dir(dir.path().join("topics.json.tmp")).unwrap();
        let refused = topics.get_or_create("new", || TopicConfig::new("new", 4, 6)).unwrap_err();
        assert!(refused.remark.contains("topics.json cannot be written"), "{refused}");
        assert!(topics.get("new").is_none());
        assert!(topics.update(&known, TopicConfig::new("known", 8, 6)).is_err());
        assert_eq!(known.config().write_queue_nums, 4);
        assert!(topics.remove("known").is_err());
        assert!(topics.get("known").is_some());
        assert_eq!(topics.version(), version);
    }
}
