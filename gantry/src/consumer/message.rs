//! A message as its consumer sees it.

use super::inflate::inflate;
use bytes::Bytes;
use gantry_message::record::{Record, RecordError};
use gantry_message::{id, properties};
use gantry_remoting::body::MessageQueue;
use std::net::SocketAddr;

/// A message that was pulled from a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The topic it was sent to. A retried message has been in another queue's topic meanwhile: see `queue`.
    pub topic: String,
    /// The queue it was read from.
    pub queue: MessageQueue,
    /// Its place in the queue.
    pub queue_offset: i64,
    /// The id that clients show.
    pub message_id: String,
    /// The broker's id of this record.
    pub offset_message_id: String,
    /// The tag.
    pub tag: Option<String>,
    /// The keys.
    pub keys: Vec<String>,
    /// All properties, in the order they came.
    pub properties: Vec<(String, String)>,
    /// The body, inflated.
    pub body: Bytes,
    /// Why the body is not what was sent: it cannot be inflated, or its checksum is wrong.
    pub damaged: Option<String>,
    /// Milliseconds since the epoch, by the producer's clock.
    pub born_timestamp: i64,
    /// Milliseconds since the epoch, by the broker's clock.
    pub store_timestamp: i64,
    /// The producer.
    pub born_host: SocketAddr,
    /// How often the group failed on it before.
    pub reconsume_times: i32,
}

impl Message {
    /// Takes a record out of the answer to a pull from `queue`.
    #[must_use]
    pub(super) fn new(record: &Record<'_>, answer: &Bytes, queue: &MessageQueue) -> Self {
        let stored = answer.slice_ref(record.body);
        let (body, damaged) = match (record.check_crc(), inflate(&stored, record.sys_flag)) {
            (Ok(()), Ok(body)) => (body, None),
            (Err(error), _) => (stored, Some(error.to_string())),
            (Ok(()), Err(error)) => (stored, Some(format!("cannot be inflated: {error}"))),
        };
        let offset_message_id = id::offset_id(record.store_host, record.physical_offset);
        Self {
            topic: record.property(properties::RETRY_TOPIC).unwrap_or(record.topic).to_owned(),
            queue: queue.clone(),
            queue_offset: record.queue_offset,
            message_id: record
                .property(properties::UNIQ_KEY)
                .map_or_else(|| offset_message_id.clone(), str::to_owned),
            offset_message_id,
            tag: record.property(properties::TAGS).map(str::to_owned),
            keys: record
                .property(properties::KEYS)
                .map(|keys| keys.split_whitespace().map(str::to_owned).collect())
                .unwrap_or_default(),
            properties: properties::pairs(record.properties)
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body,
            damaged,
            born_timestamp: record.born_timestamp,
            store_timestamp: record.store_timestamp,
            born_host: record.born_host.addr(),
            reconsume_times: record.reconsume_times,
        }
    }
}

/// The messages in the answer to a pull from `queue`.
///
/// # Errors
/// When the answer's body is not a run of records.
pub(super) fn decode(answer: &Bytes, queue: &MessageQueue) -> Result<Vec<Message>, RecordError> {
    gantry_message::record::records(answer)
        .map(|record| record.map(|record| Message::new(&record, answer, queue)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_message::Host;
    use gantry_message::record::body_crc;
    use gantry_remoting::compression::Compression;

    fn record<'a>(body: &'a [u8], properties: &'a str, sys_flag: i32) -> Record<'a> {
        Record {
            queue_id: 1,
            flag: 0,
            queue_offset: 2,
            physical_offset: 3,
            sys_flag,
            born_timestamp: 4,
            born_host: Host::new("1.2.3.4:5".parse().unwrap()),
            store_timestamp: 6,
            store_host: Host::new("7.8.9.10:10911".parse().unwrap()),
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body_crc: body_crc(body),
            body,
            topic: "T",
            properties,
        }
    }

    fn queue() -> MessageQueue {
        MessageQueue { broker_name: "a".into(), queue_id: 1, topic: "T".into() }
    }

    #[test]
    fn a_record_becomes_a_message() {
        let properties = "KEYS\u{1}k1 k2\u{2}TAGS\u{1}A\u{2}UNIQ_KEY\u{1}U\u{2}";
        let small = Compression::Zlib.compress(b"hello").unwrap();
        let answer =
            Bytes::from([record(b"hi", properties, 0).to_vec(), record(&small, "", 1).to_vec()].concat());
        let messages = decode(&answer, &queue()).unwrap();
        assert_eq!(messages[0].message_id, "U");
        assert_eq!(messages[0].offset_message_id, "0708090A00002A9F0000000000000003");
        assert_eq!((messages[0].tag.as_deref(), messages[0].keys.len()), (Some("A"), 2));
        assert_eq!((&messages[1].body[..], &messages[1].damaged), (&b"hello"[..], &None));
        assert_eq!(messages[1].message_id, messages[1].offset_message_id);
        assert!(decode(&answer.slice(..50), &queue()).is_err());
    }

    #[test]
    fn a_retried_message_has_its_own_topic_back() {
        let answer = Bytes::from(record(b"hi", "RETRY_TOPIC\u{1}orders\u{2}", 0).to_vec());
        assert_eq!(decode(&answer, &queue()).unwrap()[0].topic, "orders");
    }

    #[test]
    fn a_damaged_body_is_shown_as_it_is() {
        let wrong = Record { body_crc: 1, ..record(b"hi", "", 0) };
        let answer = Bytes::from([wrong.to_vec(), record(b"no zlib", "", 1).to_vec()].concat());
        let messages = decode(&answer, &queue()).unwrap();
        assert!(messages[0].damaged.as_ref().unwrap().contains("CRC"));
        assert!(messages[1].damaged.as_ref().unwrap().contains("inflated"));
        assert_eq!(messages[1].body, &b"no zlib"[..]);
    }
}
