//! The message record, as it lies in the CommitLog and travels in pull, view and query answers.
//!
//! Apache: `CommitLog` / `MessageDecoder`. Every integer is big endian:
//!
//! ```text
//!  0 totalSize 4 | 4 magic 4 | 8 bodyCRC 4 | 12 queueId 4 | 16 flag 4 | 20 queueOffset 8 | 28 physicalOffset 8
//! 36 sysFlag 4 | 40 bornTimestamp 8 | 48 bornHost 8 or 20 | storeTimestamp 8 | storeHost 8 or 20
//!    reconsumeTimes 4 | preparedTransactionOffset 8 | bodyLength 4, body | topicLength 1 (V2: 2), topic
//!    propertiesLength 2, properties
//! ```

use crate::{Host, properties, sys_flag};

/// Magic of a record whose topic length is one byte: all but topics above 127 bytes.
pub const MAGIC_V1: i32 = 0xDAA3_20A7_u32 as i32;
/// Magic of a record whose topic length is two bytes.
pub const MAGIC_V2: i32 = 0xDAA3_20AB_u32 as i32;
/// Magic of the filler at the end of a CommitLog file: `remaining i32, MAGIC_BLANK`.
pub const MAGIC_BLANK: i32 = 0xCBD4_3194_u32 as i32;
/// Bytes of the filler's head.
pub const BLANK_LEN: usize = 8;
/// Where `queueOffset` stands.
pub const QUEUE_OFFSET_AT: usize = 20;
/// Where `physicalOffset` stands.
pub const PHYSICAL_OFFSET_AT: usize = 28;
/// Bytes of a record with IPv4 hosts and V1 topic length, without body, topic and properties.
pub const FIXED_LEN: usize = 91;

/// A record's fields: borrowed from the log or a frame when read, from a request when written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Queue id within the topic.
    pub queue_id: i32,
    /// The user's flag.
    pub flag: i32,
    /// Offset within the queue.
    pub queue_offset: i64,
    /// Offset in the CommitLog.
    pub physical_offset: i64,
    /// See [`sys_flag`]; the two IPv6 bits are set from the hosts when written.
    pub sys_flag: i32,
    /// Milliseconds since the epoch, by the producer's clock.
    pub born_timestamp: i64,
    /// The producer.
    pub born_host: Host,
    /// Milliseconds since the epoch, by the broker's clock.
    pub store_timestamp: i64,
    /// The broker, as clients are told to reach it.
    pub store_host: Host,
    /// How often it was delivered and failed.
    pub reconsume_times: i32,
    /// Physical offset of the half message that a committed one came from.
    pub prepared_transaction_offset: i64,
    /// CRC-32 of the body as stored (compressed or not), without its top bit.
    pub body_crc: i32,
    /// The body as stored.
    pub body: &'a [u8],
    /// The topic.
    pub topic: &'a str,
    /// The property string.
    pub properties: &'a str,
}

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Fewer bytes than the record says it has.
    #[error("record is cut off")]
    Truncated,
    /// Neither of the two magics.
    #[error("no record magic but {0:#010x}")]
    Magic(i32),
    /// The filler at the end of a file.
    #[error("filler at the end of a file")]
    Blank,
    /// The inner lengths contradict the total.
    #[error("lengths do not add up")]
    Lengths,
    /// Topic or properties are not UTF-8.
    #[error("topic or properties are not UTF-8")]
    Utf8,
    /// The body does not match its CRC.
    #[error("body CRC is {got:#010x}, record says {expected:#010x}")]
    Crc {
        /// What the record says.
        expected: i32,
        /// What the body has.
        got: i32,
    },
}

/// The CRC that a record keeps of its body.
#[must_use]
pub fn body_crc(body: &[u8]) -> i32 {
    (crc32fast::hash(body) & 0x7FFF_FFFF) as i32
}

impl<'a> Record<'a> {
    /// Bytes that [`write_unsealed`](Self::write_unsealed) takes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        encoded_len(self.born_host, self.store_host, self.body.len(), self.topic.len(), self.properties.len())
    }

    /// Encodes into `out`, which must have exactly [`encoded_len`](Self::encoded_len) bytes, all but the record's length: that is
    /// 0 at any moment of the writing, so that nobody takes for a record what is only half of one. `extra` is appended to the
    /// properties and must be counted in that length by the caller through [`encoded_len`].
    ///
    /// # Panics
    /// When `out` is shorter than the record: the caller reserved by `encoded_len`.
    pub fn write_unsealed(&self, out: &mut [u8], extra: &str) {
        let mut w = Writer { out, at: 0 };
        let mut sys_flag = self.sys_flag & !(sys_flag::BORN_HOST_V6 | sys_flag::STORE_HOST_V6);
        if self.born_host.is_ipv6() {
            sys_flag |= sys_flag::BORN_HOST_V6;
        }
        if self.store_host.is_ipv6() {
            sys_flag |= sys_flag::STORE_HOST_V6;
        }
        let long_topic = self.topic.len() > crate::name::MAX_TOPIC_LEN;
        w.i32(0);
        w.i32(if long_topic { MAGIC_V2 } else { MAGIC_V1 });
        w.i32(self.body_crc);
        w.i32(self.queue_id);
        w.i32(self.flag);
        w.i64(self.queue_offset);
        w.i64(self.physical_offset);
        w.i32(sys_flag);
        w.i64(self.born_timestamp);
        self.born_host.write(|bytes| w.put(bytes));
        w.i64(self.store_timestamp);
        self.store_host.write(|bytes| w.put(bytes));
        w.i32(self.reconsume_times);
        w.i64(self.prepared_transaction_offset);
        w.i32(self.body.len() as i32);
        w.put(self.body);
        if long_topic {
            w.put(&(self.topic.len() as u16).to_be_bytes());
        } else {
            w.put(&[self.topic.len() as u8]);
        }
        w.put(self.topic.as_bytes());
        w.put(&((self.properties.len() + extra.len()) as u16).to_be_bytes());
        w.put(self.properties.as_bytes());
        w.put(extra.as_bytes());
        debug_assert_eq!(w.at, w.out.len(), "encoded_len and write_unsealed agree");
    }

    /// The record as a vector of its own.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = vec![0; self.encoded_len()];
        self.write_unsealed(&mut out, "");
        let length = out.len() as i32;
        if let Some(sealed) = out.first_chunk_mut() {
            *sealed = length.to_be_bytes();
        }
        out
    }

    /// Reads the record that starts `bytes`, and its length. Does not look at the CRC: see [`check_crc`](Self::check_crc).
    ///
    /// # Errors
    /// [`RecordError::Blank`] at a file's filler, any other variant for what is no record.
    pub fn read(bytes: &'a [u8]) -> Result<(Self, usize), RecordError> {
        let mut head = Reader { bytes };
        let total = head.i32()?;
        let magic = head.i32()?;
        match magic {
            MAGIC_V1 | MAGIC_V2 => {}
            MAGIC_BLANK => return Err(RecordError::Blank),
            other => return Err(RecordError::Magic(other)),
        }
        let total = usize::try_from(total).map_err(|_| RecordError::Lengths)?;
        if total < FIXED_LEN {
            return Err(RecordError::Lengths);
        }
        let bytes = bytes.get(BLANK_LEN..total).ok_or(RecordError::Truncated)?;
        // From here on the whole record is present, so running out of bytes means that its lengths lie.
        Self::read_fields(Reader { bytes }, magic).map(|record| (record, total)).map_err(
            |error| match error {
                RecordError::Truncated => RecordError::Lengths,
                other => other,
            },
        )
    }

    fn read_fields(mut r: Reader<'a>, magic: i32) -> Result<Self, RecordError> {
        let body_crc = r.i32()?;
        let queue_id = r.i32()?;
        let flag = r.i32()?;
        let queue_offset = r.i64()?;
        let physical_offset = r.i64()?;
        let sys_flag = r.i32()?;
        let born_timestamp = r.i64()?;
        let born_host = r.host(sys_flag & sys_flag::BORN_HOST_V6 != 0)?;
        let store_timestamp = r.i64()?;
        let store_host = r.host(sys_flag & sys_flag::STORE_HOST_V6 != 0)?;
        let reconsume_times = r.i32()?;
        let prepared_transaction_offset = r.i64()?;
        let body_len = r.i32()?;
        let body = r.take(usize::try_from(body_len).map_err(|_| RecordError::Lengths)?)?;
        let topic_len = if magic == MAGIC_V2 {
            usize::from(u16::from_be_bytes(r.array()?))
        } else {
            usize::from(u8::from_be_bytes(r.array()?))
        };
        let topic = r.text(topic_len)?;
        let properties_len = i16::from_be_bytes(r.array()?);
        let properties = r.text(usize::try_from(properties_len).map_err(|_| RecordError::Lengths)?)?;
        if !r.bytes.is_empty() {
            return Err(RecordError::Lengths);
        }
        Ok(Self {
            queue_id,
            flag,
            queue_offset,
            physical_offset,
            sys_flag,
            born_timestamp,
            born_host,
            store_timestamp,
            store_host,
            reconsume_times,
            prepared_transaction_offset,
            body_crc,
            body,
            topic,
            properties,
        })
    }

    /// Compares the body with its CRC.
    ///
    /// # Errors
    /// [`RecordError::Crc`] with both values.
    pub fn check_crc(&self) -> Result<(), RecordError> {
        let got = body_crc(self.body);
        if got == self.body_crc { Ok(()) } else { Err(RecordError::Crc { expected: self.body_crc, got }) }
    }

    /// The value of a property.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&'a str> {
        properties::find(self.properties, name)
    }

    /// Prepared and rolled back records belong to no queue: they are in the log only.
    #[must_use]
    pub fn is_queued(&self) -> bool {
        !matches!(
            self.sys_flag & sys_flag::TRANSACTION_MASK,
            sys_flag::TRANSACTION_PREPARED | sys_flag::TRANSACTION_ROLLBACK
        )
    }
}

/// Bytes of a record with these hosts and lengths.
#[must_use]
pub fn encoded_len(born: Host, store: Host, body: usize, topic: usize, properties: usize) -> usize {
    let topic_len_bytes = if topic > crate::name::MAX_TOPIC_LEN { 2 } else { 1 };
    FIXED_LEN - 17 + born.encoded_len() + store.encoded_len() + topic_len_bytes + body + topic + properties
}

/// The records of a pull, view or query answer, back to back; ends after the first error.
pub fn records(bytes: &[u8]) -> impl Iterator<Item = Result<Record<'_>, RecordError>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (result, next) = match Record::read(rest) {
            Ok((record, len)) => (Ok(record), rest.get(len..).unwrap_or_default()),
            Err(error) => (Err(error), Default::default()),
        };
        rest = next;
        Some(result)
    })
}

struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let end = self.at + bytes.len();
        self.out.get_mut(self.at..end).expect("space was reserved by encoded_len").copy_from_slice(bytes);
        self.at = end;
    }
    fn i32(&mut self, n: i32) {
        self.put(&n.to_be_bytes());
    }
    fn i64(&mut self, n: i64) {
        self.put(&n.to_be_bytes());
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], RecordError> {
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or(RecordError::Truncated)?;
        self.bytes = rest;
        Ok(taken)
    }
    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or(RecordError::Truncated)?;
        self.bytes = rest;
        Ok(*taken)
    }
    fn i32(&mut self) -> Result<i32, RecordError> {
        Ok(i32::from_be_bytes(self.array()?))
    }
    fn i64(&mut self) -> Result<i64, RecordError> {
        Ok(i64::from_be_bytes(self.array()?))
    }
    fn host(&mut self, ipv6: bool) -> Result<Host, RecordError> {
        Host::read(self.take(if ipv6 { 20 } else { 8 })?, ipv6).ok_or(RecordError::Lengths)
    }
    fn text(&mut self, len: usize) -> Result<&'a str, RecordError> {
        std::str::from_utf8(self.take(len)?).map_err(|_| RecordError::Utf8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The golden record of the protocol page, captured from Apache 5.5.0.
    const GOLDEN: &str = "0000006cdaa320a758932aac000000010000000000000000000000020000000000000003\
        00000000000000000000000401020304000000050000000000000006070809\
        0a00002a9f00000000000000000000000000000002686901540\
        00e4b455953016b0254414753014102";

    fn golden() -> Record<'static> {
        Record {
            queue_id: 1,
            flag: 0,
            queue_offset: 2,
            physical_offset: 3,
            sys_flag: 0,
            born_timestamp: 4,
            born_host: Host::new("1.2.3.4:5".parse().unwrap()),
            store_timestamp: 6,
            store_host: Host::new("7.8.9.10:10911".parse().unwrap()),
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body_crc: body_crc(b"hi"),
            body: b"hi",
            topic: "T",
            properties: "KEYS\u{1}k\u{2}TAGS\u{1}A\u{2}",
        }
    }

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> =
            text.chars().filter_map(|c| c.to_digit(16)).map(|d| u8::try_from(d).unwrap()).collect();
        digits.chunks(2).map(|p| p[0] * 16 + p[1]).collect()
    }

    #[test]
    fn the_golden_record_is_written_and_read() {
        let bytes = hex(GOLDEN);
        assert_eq!(bytes.len(), 108);
        assert_eq!(golden().to_vec(), bytes);
        let (record, len) = Record::read(&bytes).unwrap();
        assert_eq!((record, len), (golden(), 108));
        record.check_crc().unwrap();
    }

    #[test]
    fn a_flipped_body_bit_is_seen() {
        let mut bytes = golden().to_vec();
        let body_at = FIXED_LEN - 1 - 2;
        bytes[body_at] ^= 1;
        assert!(matches!(Record::read(&bytes).unwrap().0.check_crc(), Err(RecordError::Crc { .. })));
    }

    #[test]
    fn only_long_topics_are_v2() {
        let long = "%RETRY%".to_owned() + &"g".repeat(200);
        let record = Record { topic: &long, ..golden() };
        let bytes = record.to_vec();
        assert_eq!(i32::from_be_bytes(bytes[4..8].try_into().unwrap()), MAGIC_V2);
        assert_eq!(Record::read(&bytes).unwrap().0, record);
    }

    fn host() -> impl Strategy<Value = Host> {
        prop_oneof![
            (any::<[u8; 4]>(), any::<u16>()).prop_map(|(ip, port)| Host::new((ip, port).into())),
            (any::<[u8; 16]>(), any::<u16>()).prop_map(|(ip, port)| Host::new((ip, port).into())),
        ]
    }

    proptest! {
        #[test]
        fn any_record_survives_the_round_trip(
            ints in any::<[i32; 3]>(), longs in any::<[i64; 5]>(), born in host(), store in host(),
            body in prop::collection::vec(any::<u8>(), 0..300), topic in "[a-zA-Z0-9_%|-]{1,200}", properties in "[a-z\u{1}\u{2}]{0,40}",
        ) {
            let mut record = Record {
                queue_id: ints[0], flag: ints[1], reconsume_times: ints[2], queue_offset: longs[0], physical_offset: longs[1],
                born_timestamp: longs[2], store_timestamp: longs[3], prepared_transaction_offset: longs[4], sys_flag: 0,
                born_host: born, store_host: store, body_crc: body_crc(&body), body: &body, topic: &topic, properties: &properties,
            };
            let bytes = record.to_vec();
            if born.is_ipv6() { record.sys_flag |= sys_flag::BORN_HOST_V6 }
            if store.is_ipv6() { record.sys_flag |= sys_flag::STORE_HOST_V6 }
            prop_assert_eq!(Record::read(&bytes), Ok((record, bytes.len())));
            for cut in 0..bytes.len() {
                prop_assert!(Record::read(&bytes[..cut]).is_err());
            }
        }

        #[test]
        fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), len in any::<i32>(), v2 in any::<bool>()) {
            let _ = Record::read(&bytes);
            if bytes.len() >= 8 {
                bytes[..4].copy_from_slice(&len.to_be_bytes());
                bytes[4..8].copy_from_slice(&(if v2 { MAGIC_V2 } else { MAGIC_V1 }).to_be_bytes());
                let _ = Record::read(&bytes);
                for record in records(&bytes) { let _ = record; }
            }
        }
    }
}
