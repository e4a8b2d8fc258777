//! A message, printed.

use crate::consumer::Message;
use crate::output::{clock, text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// How messages are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    Human,
    /// One object a line.
    Json,
    /// The body and a line end.
    BodyOnly,
}

impl Format {
    /// Writes one message.
    pub(super) fn write(self, message: &Message, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Human => human(message, out),
            Self::Json => {
                serde_json::to_writer(&mut *out, &Object::new(message))?;
                out.write_all(b"\n")
            }
            Self::BodyOnly => {
                out.write_all(&message.body)?;
                out.write_all(b"\n")
            }
        }
    }
}

/// `time  queue @offset  tag=A  keys=k1,k2  body`; a body of several lines starts on the next one.
fn human(message: &Message, out: &mut impl Write) -> io::Result<()> {
    let queue = &message.queue;
    write!(
        out,
        "{}  {}:{} @{}",
        clock::local(message.store_timestamp),
        queue.broker_name,
        queue.queue_id,
        message.queue_offset
    )?;
    if let Some(tag) = &message.tag {
        write!(out, "  tag={}", text::escaped(tag))?;
    }
    if !message.keys.is_empty() {
        write!(out, "  keys={}", text::escaped(&message.keys.join(",")))?;
    }
    if message.reconsume_times > 0 {
        write!(out, "  retry={}", message.reconsume_times)?;
    }
    if let Some(damage) = &message.damaged {
        write!(out, "  ({damage})")?;
    }
    let body = text::body(&message.body);
    let body = body.trim_end_matches(['\n', '\r']);
    if body.contains('\n') {
        writeln!(out)?;
        for line in body.lines() {
            writeln!(out, "    {line}")?;
        }
        Ok(())
    } else {
        writeln!(out, "  {body}")
    }
}

/// Everything there is to know, in the order a reader wants it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    topic: &'a str,
    broker: &'a str,
    queue: i32,
    offset: i64,
    message_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    keys: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    damaged: Option<&'a str>,
    store_time: String,
    born_time: String,
    born_host: String,
    reconsume_times: i32,
    properties: BTreeMap<&'a str, &'a str>,
    offset_message_id: &'a str,
}

impl<'a> Object<'a> {
    fn new(message: &'a Message) -> Self {
        let body = std::str::from_utf8(&message.body).ok();
        Self {
            topic: &message.topic,
            broker: &message.queue.broker_name,
            queue: message.queue.queue_id,
            offset: message.queue_offset,
            message_id: &message.message_id,
            tag: message.tag.as_deref(),
            keys: &message.keys,
            body,
            body_base64: body.is_none().then(|| STANDARD.encode(&message.body)),
            damaged: message.damaged.as_deref(),
            store_time: clock::rfc3339(message.store_timestamp),
            born_time: clock::rfc3339(message.born_timestamp),
            born_host: message.born_host.to_string(),
            reconsume_times: message.reconsume_times,
            properties: message
                .properties
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
            offset_message_id: &message.offset_message_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gantry_remoting::body::MessageQueue;
    use serde_json::{Value, json};

    fn message(body: &'static [u8]) -> Message {
        Message {
            topic: "T".into(),
            queue: MessageQueue { broker_name: "broker-a".into(), queue_id: 2, topic: "T".into() },
            queue_offset: 17,
            message_id: "ID".into(),
            offset_message_id: "OID".into(),
            tag: Some("A".into()),
            keys: vec!["k1".into(), "k2".into()],
            properties: vec![("TAGS".into(), "A".into())],
            body: body.into(),
            damaged: None,
            born_timestamp: 1_700_000_000_000,
            store_timestamp: 1_700_000_000_123,
            born_host: "1.2.3.4:5".parse().unwrap(),
            reconsume_times: 0,
        }
    }

    fn written(format: Format, message: &Message) -> String {
        let mut out = Vec::new();
        format.write(message, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_person_sees_a_line() {
        assert_eq!(
            written(Format::Human, &message(b"hello")),
            "2023-11-14 22:13:20.123  broker-a:2 @17  tag=A  keys=k1,k2  hello\n"
        );
        let bare = Message { tag: None, keys: vec![], reconsume_times: 2, ..message(b"a\nb\n") };
        assert_eq!(
            written(Format::Human, &bare),
            "2023-11-14 22:13:20.123  broker-a:2 @17  retry=2\n    a\n    b\n"
        );
        assert!(written(Format::Human, &message(&[0, 255])).ends_with("  (2 bytes) 00 ff\n"));
        let damaged = Message { damaged: Some("body CRC".into()), ..message(b"x") };
        assert!(written(Format::Human, &damaged).ends_with("  (body CRC)  x\n"));
    }

    #[test]
    fn a_program_sees_all_of_it() {
        let object: Value = serde_json::from_str(&written(Format::Json, &message(b"hello"))).unwrap();
        assert_eq!(
            (&object["offset"], &object["body"], &object["tag"]),
            (&json!(17), &json!("hello"), &json!("A"))
        );
        assert_eq!(object["storeTime"], "2023-11-14T22:13:20.123Z");
        assert_eq!(object["properties"]["TAGS"], "A");
        let object: Value = serde_json::from_str(&written(Format::Json, &message(&[255]))).unwrap();
        assert_eq!((&object["bodyBase64"], object.get("body")), (&json!("/w=="), None));
    }

    #[test]
    fn a_body_alone_is_as_it_is() {
        assert_eq!(written(Format::BodyOnly, &message(b"a\x1bb")), "a\x1bb\n");
    }
}
