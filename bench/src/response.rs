//! What of an answer counts for a load generator: its code, and what it answers.

use anyhow::{Context as _, Result, anyhow};
use gantry_remoting::codec::Decoder;
use gantry_remoting::frame::Frame;

/// Of a binary header: code, language, version, opaque, flag.
const CODE: usize = 0;
const OPAQUE: usize = 5;
const FLAG: usize = 9;

/// The head of an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Head {
    pub(crate) code: i32,
    pub(crate) opaque: i32,
    /// False when the broker asks something of its own accord.
    pub(crate) is_response: bool,
}

/// Reads the head; of a binary header without looking at its fields.
pub(crate) fn head(frame: Frame<'_>, decoder: &mut Decoder) -> Result<Head> {
    if frame.serialize_type == 1 {
        let header = frame.header;
        let number = |at: usize| header.get(at..).and_then(|rest| rest.first_chunk::<4>());
        let code =
            header.get(CODE..).and_then(|rest| rest.first_chunk::<2>()).context("an answer has a code")?;
        let opaque = number(OPAQUE).context("an answer has an opaque")?;
        let flag = number(FLAG).context("an answer has flags")?;
        return Ok(Head {
            code: i16::from_be_bytes(*code).into(),
            opaque: i32::from_be_bytes(*opaque),
            is_response: flag[3] & 1 != 0,
        });
    }
    let command = decoder.decode(frame)?;
    Ok(Head { code: command.code, opaque: command.opaque, is_response: command.is_response() })
}

/// Why a request was refused.
pub(crate) fn remark(frame: Frame<'_>, decoder: &mut Decoder) -> String {
    decoder.decode(frame).ok().and_then(|command| command.remark).unwrap_or_default().to_owned()
}

/// Where the answer to a pull says that the next one begins.
pub(crate) fn next_offset(frame: Frame<'_>, decoder: &mut Decoder) -> Result<i64> {
    let command = decoder.decode(frame)?;
    let text = command.ext.find("nextBeginOffset").context("an answer to a pull has nextBeginOffset")?;
    text.parse().map_err(|_| anyhow!("nextBeginOffset={text}"))
}

/// Of a record, its own length is the first field, and its body's follows the fixed fields; addresses in it are of IPv4 or IPv6
/// (Apache: `MessageDecoder`).
const SYS_FLAG: usize = 36;
const BORN_HOST_IS_IPV6: u32 = 1 << 4;
const STORE_HOST_IS_IPV6: u32 = 1 << 5;

/// The bodies of the records in an answer to a pull.
pub(crate) fn bodies(mut records: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = u32_at(records, 0)? as usize;
        let (record, rest) = records.split_at_checked(length).filter(|(record, _)| !record.is_empty())?;
        records = rest;
        let flags = u32_at(record, SYS_FLAG)?;
        let longer = |flag| if flags & flag != 0 { 12 } else { 0 };
        let body = 84 + longer(BORN_HOST_IS_IPV6) + longer(STORE_HOST_IS_IPV6);
        let length = u32_at(record, body)? as usize;
        record.get(body + 4..body + 4 + length)
    })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use gantry_remoting::command::{CommandBuf, FLAG_RESPONSE};
    use gantry_remoting::{RequestCode, SerializeType, frame};

    #[test]
    fn both_encodings_have_the_same_head() {
        for serialize_type in [SerializeType::Json, SerializeType::Binary] {
            let mut answer = CommandBuf::request(RequestCode(19)).with("nextBeginOffset", "17");
            answer.serialize_type = serialize_type;
            answer.opaque = 1_234_567_890;
            answer.flag = FLAG_RESPONSE;
            answer.remark = Some("why".into());
            let mut bytes = BytesMut::new();
            answer.encode(&mut bytes);
            let frame = frame::split(&bytes).unwrap().unwrap();
            let mut decoder = Decoder::default();
            let expected = Head { code: 19, opaque: 1_234_567_890, is_response: true };
            assert_eq!(head(frame, &mut decoder).unwrap(), expected);
            assert_eq!(remark(frame, &mut decoder), "why");
            assert_eq!(next_offset(frame, &mut decoder).unwrap(), 17);
        }
    }

    #[test]
    fn bodies_are_where_the_record_has_them() {
        let record = |flags: u32, hosts: usize, text: &[u8]| {
            let mut record = vec![0; 84 + hosts];
            record[36..40].copy_from_slice(&flags.to_be_bytes());
            record.extend((text.len() as u32).to_be_bytes());
            record.extend(text);
            record.extend(*b"\x05topic\0\0");
            let length = record.len() as u32;
            record[..4].copy_from_slice(&length.to_be_bytes());
            record
        };
        let records = [record(0, 0, b"one"), record(1 << 4, 12, b"two"), record(3 << 4, 24, b"")].concat();
        assert_eq!(bodies(&records).collect::<Vec<_>>(), [b"one".as_slice(), b"two", b""]);
        assert_eq!(bodies(&records[..records.len() - 1]).count(), 2);
        assert_eq!(bodies(&[0; 100]).count(), 0);
    }
}
