//! What peers may call things. Every name passes here before it is stored; none ever becomes part of a path.

use gantry_message::name::check_topic;
use gantry_remoting::ResponseCode;
use gantry_remoting::reply::Refusal;
use std::borrow::Cow;

/// Longest broker or cluster name in bytes: a DNS name fits.
const MAX_NODE_LEN: usize = 255;
/// Longest `host:port` in bytes.
const MAX_ADDR_LEN: usize = 262;
/// Longest namespace or key of the KV config in bytes.
const MAX_KEY_LEN: usize = 255;

/// A refusal over what was sent; Apache's tools show the text.
pub(crate) fn refuse(what: impl Into<String>) -> Refusal {
    Refusal::new(ResponseCode::SYSTEM_ERROR, what)
}

/// `text`, cut to what fits a log line or an answer.
pub(crate) fn cut(text: &str) -> &str {
    let end = text.char_indices().nth(255).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

/// A topic name as brokers register them: that of messages, where a dot counts as a letter unless it stands first. Java
/// brokers name system topics after themselves and their cluster, and themselves after their host.
pub(crate) fn is_topic(name: &str) -> bool {
    let plain = if name.contains('.') { Cow::Owned(name.replace('.', "-")) } else { Cow::Borrowed(name) };
    !name.starts_with('.') && check_topic(&plain).is_ok()
}

/// A broker's or a cluster's name.
pub(crate) fn check_node(kind: &str, name: &str) -> Result<(), Refusal> {
    let letters =
        name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'%' | b'|' | b'_' | b'-'));
    if name.is_empty() || name.len() > MAX_NODE_LEN || name.starts_with('.') || !letters {
        return Err(refuse(format!(
            "the {kind} {:?} is not allowed: use 1 to {MAX_NODE_LEN} letters, digits, . % | _ -, the first no dot",
            cut(name)
        )));
    }
    Ok(())
}

/// `host:port`. What clients split at commas, colons and quotes must not have more of them.
pub(crate) fn check_addr(kind: &str, addr: &str) -> Result<(), Refusal> {
    let parts = addr.rsplit_once(':').filter(|_| addr.len() <= MAX_ADDR_LEN);
    let valid = parts.is_some_and(|(host, port)| {
        let letters =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']' | b'%');
        !host.is_empty() && host.bytes().all(letters) && port.parse::<u16>().is_ok()
    });
    if valid { Ok(()) } else { Err(refuse(format!("the {kind} {:?} is not host:port", cut(addr)))) }
}

/// A namespace or key of the KV config.
pub(crate) fn check_key(kind: &str, key: &str) -> Result<(), Refusal> {
    if key.trim().is_empty() || key.len() > MAX_KEY_LEN || key.chars().any(char::is_control) {
        return Err(refuse(format!(
            "the {kind} {:?} is not allowed: use 1 to {MAX_KEY_LEN} bytes without control characters",
            cut(key)
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_brokers_are_really_called_passes() {
        for name in ["broker-a", "DefaultCluster", "host.example.com", "b%1|x"] {
            assert_eq!(check_node("broker name", name), Ok(()), "{name}");
            assert!(is_topic(name), "{name}");
        }
        for addr in ["127.0.0.1:10911", "gantry-0.gantry.default.svc:10911", "[::1]:10911", "fe80::1%eth0:1"]
        {
            assert_eq!(check_addr("address", addr), Ok(()), "{addr}");
        }
        assert!(is_topic("%RETRY%group") && is_topic("rmq_sys_SYNC_BROKER_MEMBER_host.example.com"));
    }

    #[test]
    fn paths_tricks_and_giants_do_not() {
        let giant = "x".repeat(2 * 1024 * 1024);
        for name in
            ["", " ", "../../x", "..", ".x", "a/b", "a\\b", "a\0b", "тема", "a\nb", "a,b", "a\"b", &giant]
        {
            assert!(check_node("broker name", name).is_err(), "{}", cut(name));
            assert!(!is_topic(name), "{}", cut(name));
        }
        for addr in [
            "",
            ":1",
            "host",
            "host:",
            "host:99999",
            "a,b:1",
            "a\"b:1",
            "a b:1",
            "../x:1",
            &format!("{giant}:1"),
        ] {
            assert!(check_addr("address", addr).is_err(), "{}", cut(addr));
        }
        for key in ["", " ", "a\nb", &giant] {
            assert!(check_key("key", key).is_err(), "{}", cut(key));
        }
    }

    #[test]
    fn refusals_stay_short() {
        let refusal = check_node("broker name", &"é".repeat(1_000_000)).unwrap_err();
        assert!(refusal.remark.len() < 1024);
    }
}
