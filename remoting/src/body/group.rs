use super::{DataVersion, null_default};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A consumer group on one broker (Apache: `SubscriptionGroupConfig`), on the wire and in `subscriptionGroup.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriptionGroupConfig {
    #[serde(deserialize_with = "null_default")]
    pub attributes: BTreeMap<String, String>,
    pub broker_id: i64,
    pub consume_broadcast_enable: bool,
    pub consume_enable: bool,
    pub consume_from_min_enable: bool,
    pub consume_message_orderly: bool,
    pub consume_timeout_minute: i32,
    pub group_name: String,
    /// Kept as sent: `{"type":"CUSTOMIZED"}` or `EXPONENTIAL` with its numbers.
    #[serde(default = "customized", deserialize_with = "policy")]
    pub group_retry_policy: Value,
    pub group_sys_flag: i32,
    pub notify_consumer_ids_changed_enable: bool,
    /// Redeliveries before a message is dead.
    pub retry_max_times: i32,
    pub retry_queue_nums: i32,
    pub which_broker_when_consume_slowly: i64,
}

fn customized() -> Value {
    serde_json::json!({ "type": "CUSTOMIZED" })
}

fn policy<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    let value: Option<Value> = Option::deserialize(deserializer)?;
    Ok(value.unwrap_or_else(customized))
}

impl Default for SubscriptionGroupConfig {
    fn default() -> Self {
        Self {
            attributes: BTreeMap::new(),
            broker_id: 0,
            consume_broadcast_enable: true,
            consume_enable: true,
            consume_from_min_enable: true,
            consume_message_orderly: false,
            consume_timeout_minute: 15,
            group_name: String::new(),
            group_retry_policy: customized(),
            group_sys_flag: 0,
            notify_consumer_ids_changed_enable: true,
            retry_max_times: 16,
            retry_queue_nums: 1,
            which_broker_when_consume_slowly: 1,
        }
    }
}

/// All groups of a broker: GET_ALL_SUBSCRIPTIONGROUP_CONFIG and `subscriptionGroup.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriptionGroupTable {
    #[serde(deserialize_with = "null_default")]
    pub data_version: DataVersion,
    /// Topics that a group may not read, as bits; kept as found.
    #[serde(deserialize_with = "null_default")]
    pub forbidden_table: BTreeMap<String, BTreeMap<String, i32>>,
    #[serde(deserialize_with = "null_default")]
    pub subscription_group_table: BTreeMap<String, SubscriptionGroupConfig>,
}

/// A list of groups (Apache: `GroupList`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupList {
    #[serde(deserialize_with = "null_default")]
    pub group_list: Vec<String>,
}

/// Client ids of a group (Apache: `GetConsumerListByGroupResponseBody`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerIdList {
    #[serde(deserialize_with = "null_default")]
    pub consumer_id_list: Vec<String>,
}
