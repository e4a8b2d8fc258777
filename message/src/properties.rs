//! The property string of a message: `name 0x01 value 0x02`, repeated; the last separator may be missing.
//!
//! Apache: `MessageDecoder.string2messageProperties` and `MessageConst`. Pairs without a separator, a name or a value are passed
//! over, the later of two equal names wins.

use std::iter;

/// Separates a name from its value.
pub const NAME_VALUE_SEPARATOR: char = '\u{1}';
/// Ends a pair.
pub const PAIR_SEPARATOR: char = '\u{2}';
/// The longest property string: its length is a signed 16-bit integer.
pub const MAX_LEN: usize = 32_767;

/// User keys, blank separated.
pub const KEYS: &str = "KEYS";
/// The tag.
pub const TAGS: &str = "TAGS";
/// Wait for the flush (`false` skips it).
pub const WAIT: &str = "WAIT";
/// Delay level.
pub const DELAY: &str = "DELAY";
/// Original topic of a retried message.
pub const RETRY_TOPIC: &str = "RETRY_TOPIC";
/// Topic before a redirection.
pub const REAL_TOPIC: &str = "REAL_TOPIC";
/// Queue before a redirection.
pub const REAL_QUEUE_ID: &str = "REAL_QID";
/// Marks a half or committed transactional message.
pub const TRANSACTION_PREPARED: &str = "TRAN_MSG";
/// Group of the producer that sent a transactional message.
pub const PRODUCER_GROUP: &str = "PGROUP";
/// Seconds before a transactional message's producer is asked about it.
pub const CHECK_IMMUNITY_TIME: &str = "CHECK_IMMUNITY_TIME_IN_SECONDS";
/// How often Apache's broker has asked about it.
pub const TRANSACTION_CHECK_TIMES: &str = "TRANSACTION_CHECK_TIMES";
/// Seconds until delivery.
pub const TIMER_DELAY_SEC: &str = "TIMER_DELAY_SEC";
/// Milliseconds until delivery.
pub const TIMER_DELAY_MS: &str = "TIMER_DELAY_MS";
/// Time of delivery, milliseconds since the epoch.
pub const TIMER_DELIVER_MS: &str = "TIMER_DELIVER_MS";
/// The same, written by the broker.
pub const TIMER_OUT_MS: &str = "TIMER_OUT_MS";
/// When a message began to wait for its time, written by the broker.
pub const TIMER_ENQUEUE_MS: &str = "TIMER_ENQUEUE_MS";
/// When it was delivered, written by the broker.
pub const TIMER_DEQUEUE_MS: &str = "TIMER_DEQUEUE_MS";
/// Takes a message back: its unique key, or its topic, `+` and its unique key.
pub const TIMER_DEL_UNIQKEY: &str = "TIMER_DEL_UNIQKEY";
/// The unique key that the client made.
pub const UNIQ_KEY: &str = "UNIQ_KEY";
/// Offset id of a retried message's first record.
pub const ORIGIN_MESSAGE_ID: &str = "ORIGIN_MESSAGE_ID";
/// Retry count that a consumer's fallback send carries.
pub const RECONSUME_TIME: &str = "RECONSUME_TIME";
/// Retry limit that a consumer's fallback send carries.
pub const MAX_RECONSUME_TIMES: &str = "MAX_RECONSUME_TIMES";
/// Region of the broker; added by the broker.
pub const MSG_REGION: &str = "MSG_REGION";
/// Whether the client shall trace; added by the broker.
pub const TRACE_ON: &str = "TRACE_ON";
/// Cluster of the broker; added by the broker. A consumer needs it to reply to a request.
pub const CLUSTER: &str = "CLUSTER";
/// Handle of a popped message; never stored from a client.
pub const POP_CK: &str = "POP_CK";
/// When a message was first given by POP, written by the broker: milliseconds since the epoch.
pub const FIRST_POP_TIME: &str = "1ST_POP_TIME";
/// The client to which the answer to a request goes.
pub const REPLY_TO_CLIENT: &str = "REPLY_TO_CLIENT";
/// When the broker passed an answer on, written by the broker: milliseconds since the epoch.
pub const PUSH_REPLY_TIME: &str = "PUSH_REPLY_TIME";
/// Sharding key of an ordered message.
pub const SHARDING_KEY: &str = "__SHARDINGKEY";
/// What a transaction is known by: the unique key of its message, given by the broker that stores the half.
pub const TRANSACTION_ID: &str = "__transactionId__";
/// Of a mark: bytes of the records that stand behind it in the log and belong to it. Gantry's own.
pub const FOLLOWED_BY: &str = "FOLLOWED_BY";

/// Whether a client may send `text`: a record has room for it, and it has no zero byte, by which a recovery knows what of a record
/// never reached the disk.
#[must_use]
pub fn may_be_sent(text: &str) -> bool {
    text.len() <= MAX_LEN && memchr::memchr(0, text.as_bytes()).is_none()
}

/// The pairs of a property string in order.
pub fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    let pairs = iter::from_fn(move || {
        let (pair, after) = cut(rest, PAIR_SEPARATOR).unwrap_or((rest, ""));
        let had = std::mem::replace(&mut rest, after);
        (!had.is_empty()).then_some(pair)
    });
    let pairs = pairs.filter_map(|pair| cut(pair, NAME_VALUE_SEPARATOR));
    pairs.filter(|(name, value)| !name.is_empty() && !value.is_empty())
}

/// What stands before and behind the first `separator`: `split_once`, for a property string is looked through with every send.
fn cut(text: &str, separator: char) -> Option<(&str, &str)> {
    let at = memchr::memchr(separator as u8, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The value of `name`; the last one when it stands twice.
#[must_use]
pub fn find<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    pairs(text).filter(|(n, _)| *n == name).last().map(|(_, value)| value)
}

/// Appends a pair with its separators; a property string always ends complete, so a missing last separator is added.
pub fn push(text: &mut String, name: &str, value: &str) {
    if !text.is_empty() && !text.ends_with(PAIR_SEPARATOR) {
        text.push(PAIR_SEPARATOR);
    }
    text.push_str(name);
    text.push(NAME_VALUE_SEPARATOR);
    text.push_str(value);
    text.push(PAIR_SEPARATOR);
}

/// Copies `text` without the pairs whose name `drop` accepts.
#[must_use]
pub fn without(text: &str, drop: impl Fn(&str) -> bool) -> String {
    let mut kept = String::with_capacity(text.len());
    for (name, value) in pairs(text).filter(|(name, _)| !drop(name)) {
        push(&mut kept, name, value);
    }
    kept
}

/// Sets `name` to `value`, replacing what it had.
pub fn set(text: &mut String, name: &str, value: &str) {
    if find(text, name).is_some() {
        *text = without(text, |n| n == name);
    }
    push(text, name, value);
}

/// Sets `name` to `value` if there is room for both beside everything else; true when there was.
pub fn set_if_it_fits(text: &mut String, name: &str, value: &str) -> bool {
    let separators = NAME_VALUE_SEPARATOR.len_utf8() + 2 * PAIR_SEPARATOR.len_utf8();
    let fits = text.len() + name.len() + value.len() + separators <= MAX_LEN;
    if fits {
        set(text, name, value);
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut text = String::new();
        push(&mut text, KEYS, &"k".repeat(MAX_LEN - 20));
        let before = text.clone();
        assert!(!set_if_it_fits(&mut text, TAGS, "too long for it"));
        assert_eq!(text, before);
        assert!(set_if_it_fits(&mut text, TAGS, "B"));
        assert!(text.len() <= MAX_LEN);
        assert_eq!(find(&text, TAGS), Some("B"));
    }

    #[test]
    fn both_ends_of_a_string_are_read() {
        for text in ["KEYS\u{1}k\u{2}TAGS\u{1}A\u{2}", "KEYS\u{1}k\u{2}TAGS\u{1}A"] {
            assert_eq!(pairs(text).collect::<Vec<_>>(), [("KEYS", "k"), ("TAGS", "A")]);
            assert_eq!(find(text, TAGS), Some("A"));
        }
        for text in ["no separators at all", "KEYS\u{1}\u{2}", "\u{1}k\u{2}", "KEYS\u{2}\u{1}", "\u{1}"] {
            assert_eq!(pairs(text).next(), None, "{text:?}: nothing that has a name and a value");
        }
        assert_eq!(find("a\u{1}\u{1}b", "a"), Some("\u{1}b"), "the first separator is the one");
    }

    #[test]
    fn set_replaces_and_push_completes() {
        let mut text = String::from("TAGS\u{1}A");
        push(&mut text, KEYS, "k");
        set(&mut text, TAGS, "B");
        assert_eq!(pairs(&text).collect::<Vec<_>>(), [("KEYS", "k"), ("TAGS", "B")]);
        assert!(text.ends_with(PAIR_SEPARATOR));
    }
}
