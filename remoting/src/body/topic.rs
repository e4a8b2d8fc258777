use super::{DataVersion, null_default};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Permission bit: consumers may read.
pub const PERM_READ: i32 = 4;
/// Permission bit: producers may write.
pub const PERM_WRITE: i32 = 2;
/// Permission bit: new topics may be made after this one.
pub const PERM_INHERIT: i32 = 1;

/// Flag of a topic that was made for a producer of a unit.
pub const FLAG_UNIT: i32 = 1;
/// Flag of a topic that was made for a consumer of a unit.
pub const FLAG_UNIT_SUB: i32 = 2;

/// A topic on one broker (Apache: `TopicConfig`), on the wire and in `topics.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicConfig {
    #[serde(deserialize_with = "null_default")]
    pub attributes: BTreeMap<String, String>,
    pub order: bool,
    pub perm: i32,
    pub read_queue_nums: i32,
    #[serde(deserialize_with = "filter_type")]
    pub topic_filter_type: String,
    pub topic_name: String,
    pub topic_sys_flag: i32,
    pub write_queue_nums: i32,
}

impl Default for TopicConfig {
    fn default() -> Self {
        Self {
            attributes: BTreeMap::new(),
            order: false,
            perm: PERM_READ | PERM_WRITE,
            read_queue_nums: 16,
            topic_filter_type: "SINGLE_TAG".into(),
            topic_name: String::new(),
            topic_sys_flag: 0,
            write_queue_nums: 16,
        }
    }
}

impl TopicConfig {
    /// A topic with as many read as write queues.
    #[must_use]
    pub fn new(name: &str, queues: i32, perm: i32) -> Self {
        Self {
            topic_name: name.into(),
            read_queue_nums: queues,
            write_queue_nums: queues,
            perm,
            ..Self::default()
        }
    }

    /// What a group's members get again.
    #[must_use]
    pub fn of_retries(name: &str, queues: i32, unit_mode: bool) -> Self {
        let topic_sys_flag = if unit_mode { FLAG_UNIT_SUB } else { 0 };
        Self { topic_sys_flag, ..Self::new(name, queues, PERM_READ | PERM_WRITE) }
    }

    /// Consumers may read.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.perm & PERM_READ != 0
    }

    /// Producers may write.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.perm & PERM_WRITE != 0
    }
}

fn filter_type<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text.unwrap_or_else(|| "SINGLE_TAG".into()))
}

/// All topics of a broker (Apache: `TopicConfigSerializeWrapper`): GET_ALL_TOPIC_CONFIG, registration, `topics.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicConfigTable {
    #[serde(deserialize_with = "null_default")]
    pub data_version: DataVersion,
    #[serde(deserialize_with = "null_default")]
    pub topic_config_table: BTreeMap<String, TopicConfig>,
}

/// UPDATE_AND_CREATE_TOPIC_LIST.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicConfigList {
    pub topic_config_list: Vec<TopicConfig>,
}

/// A list of topics (Apache: `TopicList`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicList {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker_addr: Option<String>,
    #[serde(deserialize_with = "null_default")]
    pub topic_list: Vec<String>,
}
