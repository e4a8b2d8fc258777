use super::{DataVersion, TopicConfig, TopicConfigTable, null_default};
use crate::fastjson::from_slice_of;
use serde::{Deserialize, Serialize};
use std::io::Read as _;

/// REGISTER_BROKER (Apache: `RegisterBrokerBody`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RegisterBrokerBody {
    #[serde(deserialize_with = "null_default")]
    pub filter_server_list: Vec<String>,
    #[serde(rename = "topicConfigSerializeWrapper", deserialize_with = "null_default")]
    pub topics: TopicConfigTable,
}

/// Brokers below this version (V3_0_11) send the bare topic table.
const FIRST_WITH_BODY: i32 = 37;
/// The most topics of a broker: each takes some ten times the bytes that it came with.
const MAX_TOPICS: usize = 262_144;
/// The most a compressed body may inflate to: as many topics, and what their names and attributes take.
const MAX_INFLATED: u64 = 64 * 1024 * 1024;

/// Why a registration's body was refused.
#[derive(Debug, thiserror::Error)]
pub enum RegisterBodyError {
    /// The CRC of the header does not match.
    #[error("register broker body crc32 check failed: header says {expected}, body has {got}")]
    Crc {
        /// What the header says.
        expected: i32,
        /// What the body has.
        got: i32,
    },
    /// Not the JSON it should be.
    #[error("register broker body is not JSON of its class: {0}")]
    Json(#[from] serde_json::Error),
    /// Not the compressed form it should be.
    #[error("compressed register broker body is malformed: {0}")]
    Compressed(String),
}

impl RegisterBrokerBody {
    /// Reads the body of a registration by a broker of `version`.
    ///
    /// # Errors
    /// On a CRC mismatch (0 is unchecked) or when the body is malformed.
    pub fn decode(
        body: &[u8],
        version: i32,
        compressed: bool,
        crc32: i32,
    ) -> Result<Self, RegisterBodyError> {
        if crc32 != 0 {
            let got = (crc32fast::hash(body) & 0x7FFF_FFFF) as i32;
            if got != crc32 {
                return Err(RegisterBodyError::Crc { expected: crc32, got });
            }
        }
        if body.is_empty() {
            return Ok(Self::default());
        }
        if version < FIRST_WITH_BODY {
            return Ok(Self { topics: from_slice_of(body, 2 * MAX_TOPICS)?, ..Self::default() });
        }
        if compressed { Self::inflate(body) } else { Ok(from_slice_of(body, 2 * MAX_TOPICS)?) }
    }

    /// The compressed form: a zlib stream of `len + DataVersion JSON, n, n * (len + topic text), len + filter list`, and
    /// from V5_0_0 on a mapping section, which only static topics use and which is not read here.
    fn inflate(body: &[u8]) -> Result<Self, RegisterBodyError> {
        let broken = |what: &str| RegisterBodyError::Compressed(what.into());
        let mut raw = Vec::new();
        flate2::read::ZlibDecoder::new(body)
            .take(MAX_INFLATED)
            .read_to_end(&mut raw)
            .map_err(|error| RegisterBodyError::Compressed(error.to_string()))?;
        let mut rest = &raw[..];
        let int = |rest: &mut &[u8]| {
            let (int, tail) = rest.split_first_chunk::<4>()?;
            *rest = tail;
            usize::try_from(i32::from_be_bytes(*int)).ok()
        };
        let chunk = |rest: &mut &'_ [u8]| -> Option<Vec<u8>> {
            let len = int(rest)?;
            let (chunk, tail) = rest.split_at_checked(len)?;
            let chunk = chunk.to_vec();
            *rest = tail;
            Some(chunk)
        };
        let data_version: DataVersion =
            crate::fastjson::from_slice(&chunk(&mut rest).ok_or_else(|| broken("no data version"))?)?;
        let count = {
            let (int, tail) = rest.split_first_chunk::<4>().ok_or_else(|| broken("no topic count"))?;
            rest = tail;
            i32::from_be_bytes(*int)
        };
        if count > MAX_TOPICS as i32 {
            return Err(broken("more topics than a broker has"));
        }
        let mut topics = TopicConfigTable { data_version, ..TopicConfigTable::default() };
        for _ in 0..count {
            let text = chunk(&mut rest).ok_or_else(|| broken("cut off in the topics"))?;
            let topic = topic_from_text(&text).ok_or_else(|| broken("a topic's text is malformed"))?;
            topics.topic_config_table.insert(topic.topic_name.clone(), topic);
        }
        let filters = chunk(&mut rest).ok_or_else(|| broken("no filter server list"))?;
        Ok(Self { filter_server_list: crate::fastjson::from_slice(&filters).unwrap_or_default(), topics })
    }
}

/// `name readQueues writeQueues perm filterType {attributes}`, blank separated (Apache: `TopicConfig.decode`).
fn topic_from_text(text: &[u8]) -> Option<TopicConfig> {
    let mut parts = std::str::from_utf8(text).ok()?.splitn(6, ' ');
    let mut topic = TopicConfig { topic_name: parts.next()?.to_owned(), ..TopicConfig::default() };
    topic.read_queue_nums = parts.next()?.parse().ok()?;
    topic.write_queue_nums = parts.next()?.parse().ok()?;
    topic.perm = parts.next()?.parse().ok()?;
    topic.topic_filter_type = parts.next()?.to_owned();
    if let Some(attributes) = parts.next().filter(|text| !text.is_empty()) {
        topic.attributes = crate::fastjson::from_slice(attributes.as_bytes()).unwrap_or_default();
    }
    Some(topic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compression::Compression;
    use proptest::prelude::*;

    fn compressed() -> Vec<u8> {
        let mut raw = Vec::new();
        let chunk = |raw: &mut Vec<u8>, text: &str| {
            raw.extend(i32::try_from(text.len()).unwrap().to_be_bytes());
            raw.extend(text.as_bytes());
        };
        chunk(&mut raw, r#"{"counter":3,"stateVersion":0,"timestamp":17}"#);
        raw.extend(2_i32.to_be_bytes());
        chunk(&mut raw, "T 4 8 6 SINGLE_TAG ");
        chunk(&mut raw, r#"U 1 1 7 SINGLE_TAG {"message.type":"FIFO"}"#);
        chunk(&mut raw, "[]");
        raw.extend(0_i32.to_be_bytes());
        Compression::Zlib.compress(&raw).unwrap()
    }

    #[test]
    fn a_compressed_body_is_read() {
        let body = RegisterBrokerBody::decode(&compressed(), 513, true, 0).unwrap();
        assert_eq!(body.topics.data_version.counter, 3);
        let topic = &body.topics.topic_config_table["T"];
        assert_eq!((topic.read_queue_nums, topic.write_queue_nums, topic.perm), (4, 8, 6));
        assert_eq!(body.topics.topic_config_table["U"].attributes["message.type"], "FIFO");
    }

    #[test]
    fn a_wrong_crc_is_refused() {
        assert!(matches!(
            RegisterBrokerBody::decode(b"{}", 513, false, 1),
            Err(RegisterBodyError::Crc { .. })
        ));
        let crc = (crc32fast::hash(b"{}") & 0x7FFF_FFFF) as i32;
        assert_eq!(
            RegisterBrokerBody::decode(b"{}", 513, false, crc).unwrap(),
            RegisterBrokerBody::default()
        );
    }

    proptest! {
        #[test]
        fn no_inflated_bytes_make_it_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), tail in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut raw = Compression::Zlib.inflate(&compressed(), 10_000).unwrap();
            let at = at.index(raw.len());
            raw[at] = byte;
            let _ = RegisterBrokerBody::decode(&Compression::Zlib.compress(&raw).unwrap(), 513, true, 0);
            let _ = RegisterBrokerBody::decode(&Compression::Zlib.compress(&tail).unwrap(), 513, true, 0);
        }
    }
}
