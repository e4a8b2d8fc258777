//! A send as a frame that is made once, and copied and patched for each message.
//!
//! Patched are the opaque, the time of birth and the unique key, which all keep their length. So that a message costs a copy and
//! not an encoding, which would be measured along with the broker.

use anyhow::{Context as _, Result, ensure};
use bytes::BytesMut;
use gantry_message::properties;
use gantry_remoting::codec::{Head, HeaderWriter};
use gantry_remoting::header::{SendMessageV2, ToFields as _};
use gantry_remoting::language::{Language, OUR_VERSION};
use gantry_remoting::{RequestCode, SerializeType};
use memchr::memmem;

/// What stands in the places of what is patched. The opaque has ten digits and the time of birth thirteen, as they will have.
const OPAQUE: i32 = 1_987_654_321;
const BORN: i64 = 1_987_654_321_987;
/// A unique key has 32 hexadecimal digits (Apache: `MessageClientIDSetter`), of which the last 16 count.
const UNIQUE_KEY: &str = "FEEDFACEFEEDFACE9876543219876543";
/// Where the opaque stands in a binary frame: after both lengths, code, language and version.
const BINARY_OPAQUE: usize = 8 + 2 + 1 + 2;

/// A send to one queue.
#[derive(Debug)]
pub(crate) struct Template {
    frame: Vec<u8>,
    opaque: usize,
    is_binary: bool,
    born: usize,
    /// Of its last 16 digits.
    unique_key: usize,
    body: usize,
}

impl Template {
    /// A send of `body` to a queue.
    pub(crate) fn new(header: SerializeType, topic: &str, queue: i32, body: &[u8]) -> Result<Self> {
        let mut text = String::new();
        properties::push(&mut text, "UNIQ_KEY", UNIQUE_KEY);
        properties::push(&mut text, "WAIT", "true");
        let fields = SendMessageV2 {
            producer_group: "gantry-bench",
            topic,
            default_topic: Some("TBW102"),
            default_topic_queue_nums: 4,
            queue_id: queue,
            sys_flag: 0,
            born_timestamp: BORN,
            flag: 0,
            properties: Some(&text),
            reconsume_times: Some(0),
            unit_mode: false,
            max_reconsume_times: None,
            batch: false,
            broker_name: None,
        };
        let mut frame = BytesMut::new();
        let head = Head {
            serialize_type: header,
            code: RequestCode::SEND_MESSAGE_V2.0,
            language: Language::OTHER,
            version: OUR_VERSION,
            opaque: OPAQUE,
            flag: 0,
        };
        let mut writer = HeaderWriter::begin(&mut frame, head);
        fields.write(&mut writer);
        writer.finish(body.len());
        let header_end = frame.len();
        frame.extend_from_slice(body);
        let find = |text: &str| memmem::find(&frame[..header_end], text.as_bytes()).context(text.to_owned());
        let is_binary = header == SerializeType::Binary;
        let opaque = if is_binary { BINARY_OPAQUE } else { find(&OPAQUE.to_string())? };
        ensure!(
            !is_binary || frame[opaque..opaque + 4] == OPAQUE.to_be_bytes(),
            "the opaque is where Apache has it"
        );
        let (born, unique_key) = (find(&BORN.to_string())?, find(UNIQUE_KEY)? + 16);
        Ok(Self { opaque, is_binary, born, unique_key, body: header_end, frame: frame.to_vec() })
    }

    /// Appends the frame of one message. `stamp` is put at the start of the body, which is long enough for it.
    pub(crate) fn write(&self, out: &mut Vec<u8>, opaque: i32, born_ms: u64, number: u64, stamp: &[u8]) {
        let start = out.len();
        out.extend_from_slice(&self.frame);
        let frame = &mut out[start..];
        if self.is_binary {
            frame[self.opaque..self.opaque + 4].copy_from_slice(&opaque.to_be_bytes());
        } else {
            write_decimal(&mut frame[self.opaque..self.opaque + 10], u64::from(opaque.unsigned_abs()));
        }
        write_decimal(&mut frame[self.born..self.born + 13], born_ms);
        write_hexadecimal(&mut frame[self.unique_key..self.unique_key + 16], number);
        frame[self.body..self.body + stamp.len()].copy_from_slice(stamp);
    }
}

/// Fills the digits with the last of `number`.
fn write_decimal(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn write_hexadecimal(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789ABCDEF"[(number & 15) as usize];
        number >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_remoting::codec::Decoder;
    use gantry_remoting::frame;
    use gantry_remoting::header::FromFields as _;

    #[test]
    fn a_message_has_what_was_patched_and_all_the_rest() {
        for header in [SerializeType::Json, SerializeType::Binary] {
            let template = Template::new(header, "topic", 3, b"................ a body").unwrap();
            let mut out = b"before".to_vec();
            template.write(&mut out, 1_000_000_007, 1_700_000_000_123, 0xABC, b"stamp");
            let mut decoder = Decoder::default();
            let frame = frame::split(&out[6..]).unwrap().unwrap();
            assert_eq!(frame.len + 6, out.len());
            let command = decoder.decode(frame).unwrap();
            assert_eq!((command.code, command.opaque), (310, 1_000_000_007));
            assert_eq!(command.body, b"stamp........... a body");
            let fields = SendMessageV2::from_fields(command.ext).unwrap();
            assert_eq!((fields.topic, fields.queue_id), ("topic", 3));
            assert_eq!(fields.born_timestamp, 1_700_000_000_123);
            let properties = fields.properties.unwrap();
            assert_eq!(properties::find(properties, "UNIQ_KEY"), Some("FEEDFACEFEEDFACE0000000000000ABC"));
            assert_eq!(properties::find(properties, "WAIT"), Some("true"));
        }
    }
}
