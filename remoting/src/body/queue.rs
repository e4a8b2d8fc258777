use super::null_default;
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// A queue as clients name it (Apache: `MessageQueue`). All three fields count in equality.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MessageQueue {
    pub broker_name: String,
    pub queue_id: i32,
    pub topic: String,
}

/// A map keyed by queue: `{{"brokerName":..,"queueId":0,"topic":..}:value}`, with the object itself as the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueMap<V>(pub BTreeMap<MessageQueue, V>);

impl<V> Default for QueueMap<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<V> FromIterator<(MessageQueue, V)> for QueueMap<V> {
    fn from_iter<I: IntoIterator<Item = (MessageQueue, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl<V: Serialize> Serialize for QueueMap<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (queue, value) in &self.0 {
            let key = serde_json::to_string(queue).map_err(serde::ser::Error::custom)?;
            map.serialize_entry(&key, value)?;
        }
        map.end()
    }
}

impl<'de, V: DeserializeOwned> Deserialize<'de> for QueueMap<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<V>(PhantomData<V>);
        impl<'de, V: DeserializeOwned> Visitor<'de> for Entries<V> {
            type Value = QueueMap<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map keyed by message queue")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    entries.insert(serde_json::from_str(&key).map_err(A::Error::custom)?, map.next_value()?);
                }
                Ok(QueueMap(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

/// LOCK_BATCH_MQ and UNLOCK_BATCH_MQ (Apache: `LockBatchRequestBody`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LockBatchRequest {
    pub consumer_group: String,
    pub client_id: String,
    pub only_this_broker: bool,
    #[serde(deserialize_with = "null_default")]
    pub mq_set: Vec<MessageQueue>,
}

/// Answer of LOCK_BATCH_MQ: only the queues that the caller owns now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LockBatchResponse {
    #[serde(rename = "lockOKMQSet", deserialize_with = "null_default")]
    pub locked: Vec<MessageQueue>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fastjson::{from_slice, to_vec};

    #[test]
    fn a_queue_map_is_keyed_by_objects() {
        let queue = MessageQueue { broker_name: "b".into(), queue_id: 0, topic: "T".into() };
        let map: QueueMap<i64> = [(queue, 5)].into_iter().collect();
        let text = r#"{{"brokerName":"b","queueId":0,"topic":"T"}:5}"#;
        assert_eq!(String::from_utf8(to_vec(&map)).unwrap(), text);
        assert_eq!(from_slice::<QueueMap<i64>>(text.as_bytes()).unwrap(), map);
    }
}
