//! What a producer is given to take a message back by (Apache: `RecallMessageHandle`): `v1`, topic, broker name, time of
//! delivery and unique key with blanks between them, in URL-safe base64.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

const VERSION: &str = "v1";

/// A handle that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Handle {
    pub(crate) topic: String,
    pub(crate) broker_name: String,
    /// Milliseconds since the epoch, if it is a time.
    pub(crate) at: Option<i64>,
    pub(crate) key: String,
}

pub(crate) fn write(topic: &str, broker_name: &str, at: i64, key: &str) -> String {
    URL_SAFE.encode(format!("{VERSION} {topic} {broker_name} {at} {key}"))
}

/// `None` for what is no handle.
pub(crate) fn read(text: &str) -> Option<Handle> {
    let text = String::from_utf8(URL_SAFE.decode(text).ok()?).ok()?;
    let [VERSION, topic, broker_name, at, key, ..] = *text.split(' ').collect::<Vec<_>>() else {
        return None;
    };
    Some(Handle {
        topic: topic.to_owned(),
        broker_name: broker_name.to_owned(),
        at: at.parse().ok(),
        key: key.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let text = write("orders", "broker-a", 1_700_000_000_001, "7F00000100");
        // By Apache's `HandleV1.buildHandle`.
        assert_eq!(text, "djEgb3JkZXJzIGJyb2tlci1hIDE3MDAwMDAwMDAwMDEgN0YwMDAwMDEwMA==");
        let handle = read(&text).unwrap();
        assert_eq!((handle.topic.as_str(), handle.broker_name.as_str()), ("orders", "broker-a"));
        assert_eq!((handle.at, handle.key.as_str()), (Some(1_700_000_000_001), "7F00000100"));
    }

    #[test]
    fn what_is_no_handle_is_none() {
        for text in ["", "%%%", "djE=", &URL_SAFE.encode("v2 t b 1 k"), &URL_SAFE.encode([0xff, 0xfe])] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&URL_SAFE.encode("v1 t b soon k")).unwrap().at, None);
    }
}
