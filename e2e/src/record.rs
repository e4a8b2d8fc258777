//! A stored message as it travels and as it lies in the log: the layout is one and the same.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

const MAGIC_V1: u32 = 0xDAA3_20A7;
const NAME_END: u8 = 1;
const PROPERTY_END: u8 = 2;

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// All of it, for comparing what no field below shows.
    pub bytes: Vec<u8>,
    pub queue_id: i32,
    pub queue_offset: i64,
    pub physical_offset: i64,
    /// Milliseconds since the epoch.
    pub stored_at: i64,
    pub reconsume_times: i32,
    pub body: Vec<u8>,
    pub topic: String,
    pub properties: BTreeMap<String, String>,
    /// What is wrong with it.
    pub damage: Option<String>,
}

impl Record {
    /// All records of a pull or query answer.
    pub fn all_in(body: &[u8]) -> Result<Vec<Self>> {
        let records = Self::all_as_they_are(body)?;
        if let Some((record, damage)) =
            records.iter().find_map(|record| Some((record, record.damage.as_ref()?)))
        {
            bail!("the record at {}: {damage}", record.physical_offset);
        }
        Ok(records)
    }

    /// The same, damaged or not.
    pub fn all_as_they_are(mut body: &[u8]) -> Result<Vec<Self>> {
        let mut records = Vec::new();
        while !body.is_empty() {
            let size = usize::try_from(Reader(body).u32()?)?;
            ensure!((4..=body.len()).contains(&size), "a record of {size} bytes in {} bytes", body.len());
            let (record, rest) = body.split_at(size);
            records.push(Self::decode(record)?);
            body = rest;
        }
        Ok(records)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader(bytes);
        let _size = reader.u32()?;
        let magic = reader.u32()?;
        ensure!(magic == MAGIC_V1, "magic {magic:x}");
        let body_crc = reader.u32()?;
        let queue_id = reader.i32()?;
        let _flag = reader.i32()?;
        let queue_offset = reader.i64()?;
        let physical_offset = reader.i64()?;
        let _system_flag = reader.i32()?;
        let _born_timestamp = reader.i64()?;
        let _born_host = reader.i64()?;
        let stored_at = reader.i64()?;
        let _store_host = reader.i64()?;
        let reconsume_times = reader.i32()?;
        let _prepared_transaction_offset = reader.i64()?;
        let body_length = usize::try_from(reader.i32()?)?;
        let body = reader.take(body_length)?.to_vec();
        let crc_is_right = body_crc == crc32fast::hash(&body) & 0x7fff_ffff;
        let mut damage = (!crc_is_right).then(|| "wrong crc of the body".to_owned());
        let topic_length = usize::from(reader.take(1)?[0]);
        let topic = String::from_utf8(reader.take(topic_length)?.to_vec())?;
        let properties_length = usize::from(reader.u16()?);
        let properties = decode_properties(reader.take(properties_length)?).unwrap_or_else(|error| {
            damage = Some(format!("{error:#}"));
            BTreeMap::new()
        });
        ensure!(reader.0.is_empty(), "{} bytes behind the record at {physical_offset}", reader.0.len());
        Ok(Self {
            bytes: bytes.into(),
            queue_id,
            queue_offset,
            physical_offset,
            stored_at,
            reconsume_times,
            body,
            topic,
            properties,
            damage,
        })
    }
}

/// Each pair ends with a mark, also the last.
#[must_use]
pub fn encode_properties(properties: &[(&str, &str)]) -> String {
    properties
        .iter()
        .map(|(name, value)| format!("{name}{}{value}{}", NAME_END as char, PROPERTY_END as char))
        .collect()
}

fn decode_properties(bytes: &[u8]) -> Result<BTreeMap<String, String>> {
    let text = std::str::from_utf8(bytes)?;
    let pairs = text.split(PROPERTY_END as char).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) =
                pair.split_once(NAME_END as char).with_context(|| format!("property {pair:?}"))?;
            Ok((name.into(), value.into()))
        })
        .collect()
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        ensure!(count <= self.0.len(), "the record ends {} bytes too early", count - self.0.len());
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.take(N)?.try_into()?)
    }

    fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.array()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by Apache's encoder: topic `T`, body `hi`, queue 1, offset 2, at 3 in the log.
    const GOLDEN: &str = "0000006cdaa320a758932aac00000001000000000000000000000002000000000000000300000000\
         0000000000000004010203040000000500000000000000060708090a00002a9f00000000000000000000\
         00000000000268690154000e4b455953016b0254414753014102";

    fn golden() -> Vec<u8> {
        let digits: String = GOLDEN.chars().filter(|c| !c.is_whitespace()).collect();
        (0..digits.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).expect("hex digits"))
            .collect()
    }

    #[test]
    fn a_record_is_read_as_apache_wrote_it() {
        let records = Record::all_in(&[golden(), golden()].concat()).expect("two whole records");
        assert_eq!(records.len(), 2);
        let record = &records[0];
        assert_eq!((record.queue_id, record.queue_offset, record.physical_offset), (1, 2, 3));
        assert_eq!((record.topic.as_str(), record.body.as_slice()), ("T", &b"hi"[..]));
        assert_eq!(record.properties["KEYS"], "k");
        assert_eq!(record.properties["TAGS"], "A");
    }

    #[test]
    fn a_changed_body_is_noticed() {
        let mut bytes = golden();
        let body = bytes.windows(2).position(|pair| pair == b"hi").expect("the body is there");
        bytes[body] ^= 1;
        assert!(Record::all_in(&bytes).is_err());
    }
}
