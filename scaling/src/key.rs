//! Order by key on the broker: the broker itself puts each message to the queue of its key, whatever its sender thinks of the
//! topic's queues.

use gantry_message::hash::java_hash;
use gantry_message::properties;
use serde::{Deserialize, Serialize};

/// The property of messages that holds their ordering key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyProperty(String);

impl KeyProperty {
    /// The topic attribute that names the property.
    pub const ATTRIBUTE: &str = "order.keyProperty";
    /// Longest name in bytes.
    pub const MAX_LEN: usize = 127;

    /// A property's name; `None` when it is empty, too long, or has something else than letters, digits and `-_.`.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let fits = !name.is_empty() && name.len() <= Self::MAX_LEN;
        (fits && name.bytes().all(good)).then(|| Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The ordering key of a message with these properties. Of several `KEYS`, which are blank separated, it is the first.
    #[must_use]
    pub fn key_of<'a>(&self, properties: &'a str) -> Option<&'a str> {
        let value = properties::find(properties, &self.0)?;
        if self.0 == properties::KEYS { value.split_ascii_whitespace().next() } else { Some(value) }
    }
}

/// The queue of `queues` where a message with this ordering key belongs: that which Java's `SelectMessageQueueByHash`
/// chooses for the same text, so that a client and the broker agree.
#[must_use]
pub fn queue_of_key(key: &str, queues: i32) -> i32 {
    (java_hash(key).unsigned_abs() % queues.max(1).unsigned_abs()) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_where_a_java_client_would_send_it() {
        // |h % n| of SelectMessageQueueByHash, also for the hash that has no positive counterpart.
        assert_eq!(queue_of_key("TagA", 8), 2_598_919 % 8);
        assert_eq!(queue_of_key("polygenelubricants", 7), (2_147_483_648_u32 % 7) as i32);
    }

    #[test]
    fn a_messages_key_is_the_propertys_value() {
        let properties = "KEYS\u{1}order-1 item-7\u{2}customer\u{1}c 9\u{2}";
        let key = |name: &str| KeyProperty::new(name).unwrap().key_of(properties).map(str::to_owned);
        assert_eq!(key("KEYS").as_deref(), Some("order-1"));
        assert_eq!(key("customer").as_deref(), Some("c 9"));
        assert_eq!(key("absent"), None);
    }

    #[test]
    fn names_are_checked() {
        for bad in ["", "a b", "a\u{1}", "a,b", "a=b", &"x".repeat(128)] {
            assert_eq!(KeyProperty::new(bad), None, "{bad:?}");
        }
        assert_eq!(KeyProperty::new("__SHARDINGKEY").unwrap().as_str(), "__SHARDINGKEY");
    }
}
