use super::null_default;
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// HEART_BEAT (Apache: `HeartbeatData`).
///
/// C++ clients leave out empty sets and booleans, send enums as ordinals and `subVersion` as text; all of it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HeartbeatData {
    #[serde(rename = "clientID")]
    pub client_id: String,
    #[serde(deserialize_with = "null_default")]
    pub producer_data_set: Vec<ProducerData>,
    #[serde(deserialize_with = "null_default")]
    pub consumer_data_set: Vec<ConsumerData>,
    pub heartbeat_fingerprint: i32,
    /// The subscriptions are unchanged and left out.
    #[serde(deserialize_with = "null_default")]
    pub without_sub: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProducerData {
    pub group_name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerData {
    pub group_name: String,
    pub consume_type: ConsumeType,
    pub message_model: MessageModel,
    pub consume_from_where: ConsumeFromWhere,
    #[serde(deserialize_with = "null_default")]
    pub subscription_data_set: Vec<SubscriptionData>,
    #[serde(deserialize_with = "null_default")]
    pub unit_mode: bool,
}

/// What a group reads of a topic (Apache: `SubscriptionData`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriptionData {
    #[serde(deserialize_with = "null_default")]
    pub class_filter_mode: bool,
    pub topic: String,
    #[serde(deserialize_with = "null_default")]
    pub sub_string: String,
    #[serde(deserialize_with = "null_default")]
    pub tags_set: Vec<String>,
    /// Written only. What clients send is not read: C++ and Go compute it differently, and Go sends it as text.
    #[serde(skip_deserializing)]
    pub code_set: Vec<i32>,
    /// Clock of subscribing: milliseconds, nanoseconds from Go.
    #[serde(deserialize_with = "lenient_i64")]
    pub sub_version: i64,
    #[serde(deserialize_with = "expression_type")]
    pub expression_type: String,
}

impl Default for SubscriptionData {
    fn default() -> Self {
        Self {
            class_filter_mode: false,
            topic: String::new(),
            sub_string: "*".into(),
            tags_set: Vec::new(),
            code_set: Vec::new(),
            sub_version: 0,
            expression_type: "TAG".into(),
        }
    }
}

fn lenient_i64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Int(i64),
        Text(String),
    }
    match Option::deserialize(deserializer)? {
        None => Ok(0),
        Some(Number::Int(n)) => Ok(n),
        Some(Number::Text(text)) => {
            text.trim().parse().map_err(|_| D::Error::invalid_value(Unexpected::Str(&text), &"a number"))
        }
    }
}

fn expression_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()).unwrap_or_else(|| "TAG".into()))
}

/// An enum that travels by name, and is read by name in any case or by ordinal.
macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$note:meta])* $variant:ident = $wire:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $name { $($(#[$note])* $variant,)* }

        impl $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name on the wire.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $wire,)* }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[derive(Deserialize)]
                #[serde(untagged)]
                enum Wire { Ordinal(usize), Name(String) }
                match Option::deserialize(deserializer)? {
                    None => Ok(Self::default()),
                    Some(Wire::Ordinal(n)) => Self::ALL.get(n).copied()
                        .ok_or_else(|| D::Error::invalid_value(Unexpected::Unsigned(n as u64), &"an ordinal of the enum")),
                    Some(Wire::Name(name)) => Self::ALL.iter().copied().find(|v| v.name().eq_ignore_ascii_case(&name))
                        .ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&name), &"a name of the enum")),
                }
            }
        }
    };
}

wire_enum! {
    /// How a group consumes.
    ConsumeType {
        /// Lite pull and pull.
        Actively = "CONSUME_ACTIVELY",
        /// Push.
        #[default]
        Passively = "CONSUME_PASSIVELY",
        /// POP.
        Pop = "CONSUME_POP",
    }
}

wire_enum! {
    /// One copy a group, or one a client.
    MessageModel {
        /// Every client gets every message.
        Broadcasting = "BROADCASTING",
        /// The group shares the queues.
        #[default]
        Clustering = "CLUSTERING",
    }
}

wire_enum! {
    /// Where a group without an offset starts.
    ConsumeFromWhere {
        #[default]
        LastOffset = "CONSUME_FROM_LAST_OFFSET",
        LastOffsetAndMinWhenBootFirst = "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST",
        MinOffset = "CONSUME_FROM_MIN_OFFSET",
        MaxOffset = "CONSUME_FROM_MAX_OFFSET",
        FirstOffset = "CONSUME_FROM_FIRST_OFFSET",
        Timestamp = "CONSUME_FROM_TIMESTAMP",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fastjson::from_slice;

    #[test]
    fn a_java_heartbeat() {
        let data: HeartbeatData = from_slice(br#"{"clientID":"ip@1#2","consumerDataSet":[{"consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","consumeType":"CONSUME_PASSIVELY","groupName":"g","messageModel":"CLUSTERING","subscriptionDataSet":[{"classFilterMode":false,"codeSet":[2598919],"expressionType":"TAG","subString":"TagA","subVersion":1700000000000,"tagsSet":["TagA"],"topic":"T"}],"unitMode":false}],"heartbeatFingerprint":0,"producerDataSet":[{"groupName":"pg"}],"withoutSub":false}"#).unwrap();
        assert_eq!(data.consumer_data_set[0].consume_from_where, ConsumeFromWhere::FirstOffset);
        assert_eq!(data.consumer_data_set[0].subscription_data_set[0].sub_string, "TagA");
        assert_eq!(data.producer_data_set[0].group_name, "pg");
    }

    #[test]
    fn a_go_heartbeat() {
        let data: HeartbeatData = from_slice(br#"{"clientID":"c","producerDataSet":[],"consumerDataSet":[{"groupName":"g","consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","subscriptionDataSet":[{"classFilterMode":false,"topic":"T","subString":"A || C","tagsSet":["A","C"],"codeSet":["65","67"],"subVersion":1700000000000000000,"expressionType":"TAG"}],"unitMode":false}]}"#).unwrap();
        assert_eq!(data.consumer_data_set[0].subscription_data_set[0].sub_string, "A || C");
    }

    #[test]
    fn a_cpp_heartbeat() {
        let data: HeartbeatData = from_slice(b"{\"clientID\":\"c\",\"consumerDataSet\":[{\"groupName\":\"g\",\"consumeType\":1,\"messageModel\":1,\"consumeFromWhere\":4,\"subscriptionDataSet\":[{\"topic\":\"T\",\"subString\":\"*\",\"subVersion\":\"17\"}]}]}\n").unwrap();
        let consumer = &data.consumer_data_set[0];
        assert_eq!(consumer.consume_type, ConsumeType::Passively);
        assert_eq!(consumer.message_model, MessageModel::Clustering);
        assert_eq!(consumer.consume_from_where, ConsumeFromWhere::FirstOffset);
        assert_eq!(consumer.subscription_data_set[0].sub_version, 17);
        assert_eq!(consumer.subscription_data_set[0].expression_type, "TAG");
    }
}
