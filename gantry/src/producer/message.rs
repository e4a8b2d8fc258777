//! A message to send, and the form it travels in.

use bytes::Bytes;
use gantry_message::{properties, sys_flag};
use gantry_remoting::compression::Compression;

/// A message as its sender sees it.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// The topic.
    pub topic: String,
    /// The body, uncompressed.
    pub body: Bytes,
    /// The tag, if any.
    pub tag: Option<String>,
    /// Keys to find it by.
    pub keys: Vec<String>,
    /// The user's own properties.
    pub properties: Vec<(String, String)>,
    /// Messages with one key keep their order.
    pub sharding_key: Option<String>,
    /// Delay level; 0 is none.
    pub delay_level: u32,
    /// How to compress the body.
    pub compression: Option<Compression>,
}

/// Why a message was refused before it was sent.
#[derive(Debug, thiserror::Error)]
pub enum BadMessage {
    /// No consumer accepts it.
    #[error("the body is empty: RocketMQ does not take a message without a body")]
    EmptyBody,
    /// One of the two characters that separate properties on the wire.
    #[error("{what} {value:?} has a control character that separates properties (\\u0001 or \\u0002)")]
    Separator {
        /// Where.
        what: &'static str,
        /// The text.
        value: String,
    },
    /// A key that would be read as two.
    #[error(
        "the key {0:?} has a blank in it, and keys are separated by blanks: give --key several times instead"
    )]
    BlankInKey(String),
    /// A tag that no subscription can name.
    #[error("the tag {0:?} cannot be subscribed to: || separates tags, and blanks around a tag are cut off")]
    Tag(String),
    /// A name that an option sets, or that the system needs for itself.
    #[error("the property {name} is {why}")]
    Reserved {
        /// The name.
        name: String,
        /// Whose it is.
        why: &'static str,
    },
    /// Neither name nor value may be empty.
    #[error("a property needs a name and a value: {0:?}")]
    EmptyProperty(String),
    /// The length is a signed 16-bit integer on the wire.
    #[error("tag, keys and properties have {0} bytes together; {max} is the most", max = properties::MAX_LEN)]
    TooLong(usize),
    /// The codec failed.
    #[error("cannot compress the body: {0}")]
    Compress(#[from] std::io::Error),
}

/// A message as it travels: header fields and body. The unique key stays the same over all attempts.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The topic.
    pub topic: String,
    /// The id that clients show.
    pub unique_key: String,
    /// The property string.
    pub properties: String,
    /// Flags of the body.
    pub sys_flag: i32,
    /// The body, compressed if it was to be.
    pub body: Bytes,
}

impl Message {
    /// Checks and encodes the message, giving it its unique key.
    ///
    /// # Errors
    /// Says what cannot be sent and why.
    pub fn pack(&self) -> Result<Packed, BadMessage> {
        if self.body.is_empty() {
            return Err(BadMessage::EmptyBody);
        }
        let unique_key = gantry_message::id::unique_key();
        let properties = self.property_string(&unique_key)?;
        let (sys_flag, body) = match self.compression {
            None => (0, self.body.clone()),
            Some(kind) => (sys_flag::COMPRESSED | type_bits(kind), kind.compress(&self.body)?.into()),
        };
        Ok(Packed { topic: self.topic.clone(), unique_key, properties, sys_flag, body })
    }

    fn property_string(&self, unique_key: &str) -> Result<String, BadMessage> {
        let mut text = String::new();
        for (name, value) in &self.properties {
            check_property(name, value)?;
            properties::set(&mut text, name, value);
        }
        if !self.keys.is_empty() {
            for key in &self.keys {
                check_key(key)?;
            }
            properties::push(&mut text, properties::KEYS, &self.keys.join(" "));
        }
        if let Some(key) = &self.sharding_key {
            check_text("the ordering key", key)?;
            properties::push(&mut text, properties::SHARDING_KEY, key);
        }
        if self.delay_level > 0 {
            properties::push(&mut text, properties::DELAY, &self.delay_level.to_string());
        }
        properties::push(&mut text, properties::UNIQ_KEY, unique_key);
        properties::push(&mut text, properties::WAIT, "true");
        if let Some(tag) = &self.tag {
            check_tag(tag)?;
            properties::push(&mut text, properties::TAGS, tag);
        }
        if text.len() > properties::MAX_LEN {
            return Err(BadMessage::TooLong(text.len()));
        }
        Ok(text)
    }
}

/// The bits that Apache's producers set.
fn type_bits(kind: Compression) -> i32 {
    match kind {
        Compression::Zlib => sys_flag::COMPRESSION_ZLIB,
        Compression::Lz4 => sys_flag::COMPRESSION_LZ4,
        Compression::Zstd => sys_flag::COMPRESSION_ZSTD,
    }
}

fn check_text(what: &'static str, value: &str) -> Result<(), BadMessage> {
    if value.contains([properties::NAME_VALUE_SEPARATOR, properties::PAIR_SEPARATOR]) {
        return Err(BadMessage::Separator { what, value: value.to_owned() });
    }
    Ok(())
}

fn check_tag(tag: &str) -> Result<(), BadMessage> {
    check_text("the tag", tag)?;
    if tag.trim() != tag || tag.is_empty() || tag.contains("||") || tag == "*" {
        return Err(BadMessage::Tag(tag.to_owned()));
    }
    Ok(())
}

fn check_key(key: &str) -> Result<(), BadMessage> {
    check_text("the key", key)?;
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err(BadMessage::BlankInKey(key.to_owned()));
    }
    Ok(())
}

fn check_property(name: &str, value: &str) -> Result<(), BadMessage> {
    check_text("the property", name)?;
    check_text("the value", value)?;
    if name.trim().is_empty() || value.is_empty() {
        return Err(BadMessage::EmptyProperty(format!("{name}={value}")));
    }
    let why = match name {
        properties::KEYS => "set by --key",
        properties::TAGS => "set by --tag",
        properties::DELAY => "set by --delay-level",
        properties::SHARDING_KEY => "set by --orderly-key",
        properties::UNIQ_KEY | properties::WAIT => "set by the client itself",
        properties::TRANSACTION_PREPARED
        | properties::RETRY_TOPIC
        | properties::REAL_TOPIC
        | properties::REAL_QUEUE_ID
        | properties::ORIGIN_MESSAGE_ID
        | properties::RECONSUME_TIME
        | properties::MAX_RECONSUME_TIMES
        | properties::MSG_REGION
        | properties::TRACE_ON
        | properties::CLUSTER
        | properties::POP_CK => "used by the system",
        _ => return Ok(()),
    };
    Err(BadMessage::Reserved { name: name.to_owned(), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message { topic: "T".into(), body: "hi".into(), ..Message::default() }
    }

    #[test]
    fn what_java_would_put_is_put() {
        let packed = Message {
            tag: Some("A".into()),
            keys: vec!["k1".into(), "k2".into()],
            properties: vec![("p".into(), "v=1".into())],
            sharding_key: Some("order-7".into()),
            delay_level: 3,
            ..message()
        }
        .pack()
        .unwrap();
        let find = |name| properties::find(&packed.properties, name);
        assert_eq!(find("TAGS"), Some("A"));
        assert_eq!(find("KEYS"), Some("k1 k2"));
        assert_eq!(find("p"), Some("v=1"));
        assert_eq!(find("__SHARDINGKEY"), Some("order-7"));
        assert_eq!(find("DELAY"), Some("3"));
        assert_eq!(find("WAIT"), Some("true"));
        assert_eq!(find("UNIQ_KEY"), Some(packed.unique_key.as_str()));
        assert_eq!((packed.sys_flag, &packed.body[..]), (0, &b"hi"[..]));
    }

    #[test]
    fn a_compressed_body_says_how() {
        for (kind, bits) in
            [(Compression::Zlib, 0x301), (Compression::Lz4, 0x101), (Compression::Zstd, 0x201)]
        {
            let packed = Message { compression: Some(kind), ..message() }.pack().unwrap();
            assert_eq!(packed.sys_flag, bits);
            assert_eq!(kind.inflate(&packed.body, 2).unwrap(), b"hi");
        }
    }

    #[test]
    fn what_would_be_read_differently_is_refused() {
        let refused = |message: Message| message.pack().unwrap_err().to_string();
        assert!(refused(Message { body: Bytes::new(), ..message() }).contains("empty"));
        assert!(refused(Message { keys: vec!["a b".into()], ..message() }).contains("several times"));
        assert!(refused(Message { tag: Some("a||b".into()), ..message() }).contains("||"));
        assert!(refused(Message { tag: Some("a\u{1}".into()), ..message() }).contains("control character"));
        let property =
            |name: &str, value: &str| Message { properties: vec![(name.into(), value.into())], ..message() };
        assert_eq!(refused(property("TAGS", "x")), "the property TAGS is set by --tag");
        assert!(refused(property("p", "")).contains("needs a name and a value"));
        assert!(refused(property("p", &"x".repeat(40_000))).contains("32767"));
    }
}
