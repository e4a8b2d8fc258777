//! Message ids: the broker's offset id, and the unique key that clients make.
//!
//! Apache: `MessageDecoder.createMessageId` and `MessageClientIDSetter`.

use crate::Host;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Upper-case hex of store host (address, port as 32 bits) and physical offset: 32 characters for IPv4, 56 for IPv6.
#[derive(Clone, Copy, Debug)]
pub struct OffsetId {
    digits: [u8; 56],
    len: usize,
}

impl OffsetId {
    /// The id of a record.
    #[must_use]
    pub fn new(store_host: Host, physical_offset: i64) -> Self {
        let mut id = Self { digits: [0; 56], len: 0 };
        store_host.write(|bytes| id.push(bytes));
        id.push(&physical_offset.to_be_bytes());
        id
    }

    /// Its digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.digits.get(..self.len).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default()
    }

    fn push(&mut self, bytes: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
        let free = self.digits.get_mut(self.len..).unwrap_or_default();
        for (pair, byte) in free.as_chunks_mut().0.iter_mut().zip(bytes) {
            *pair = [digit(byte >> 4), digit(byte & 15)];
        }
        self.len += 2 * bytes.len();
    }
}

/// As text: see [`OffsetId`].
#[must_use]
pub fn offset_id(store_host: Host, physical_offset: i64) -> String {
    OffsetId::new(store_host, physical_offset).as_str().into()
}

/// Reads an offset id back into store host and physical offset; `None` when it is not one.
#[must_use]
pub fn parse_offset_id(id: &str) -> Option<(Host, i64)> {
    let bytes = unhex(id)?;
    let ipv6 = match bytes.len() {
        16 => false,
        28 => true,
        _ => return None,
    };
    let (host, offset) = bytes.split_last_chunk::<8>()?;
    Some((Host::read(host, ipv6)?, i64::from_be_bytes(*offset)))
}

/// A unique key: 32 hex digits that no other process makes while the clock does not go back.
///
/// Same length as Apache's (`ip 4, pid 2, hash 4, millis 4, counter 2`), so nothing downstream can tell them apart;
/// ours holds pid 4, start 6 (microseconds) and a counter 6.
#[must_use]
pub fn unique_key() -> String {
    static START: AtomicU64 = AtomicU64::new(0);
    static LOW: AtomicU64 = AtomicU64::new(0);
    static SALT: AtomicU16 = AtomicU16::new(0);
    let mut start = START.load(Ordering::Relaxed);
    if start == 0 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX) | 1;
        SALT.store(now.subsec_nanos() as u16, Ordering::Relaxed);
        // Whoever comes first sets the start for the whole process.
        start = match START.compare_exchange(0, micros, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => micros,
            Err(first) => first,
        };
    }
    let count = LOW.fetch_add(1, Ordering::Relaxed);
    let mut key = String::with_capacity(32);
    let _ = write!(
        key,
        "{:08X}{:012X}{:012X}",
        std::process::id(),
        start & 0xFFFF_FFFF_FFFF,
        (u64::from(SALT.load(Ordering::Relaxed)) << 32 | (count & 0xFFFF_FFFF)) & 0xFFFF_FFFF_FFFF
    );
    key
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16);
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_id_of_the_protocol_page() {
        let host = Host::new("7.8.9.10:10911".parse().unwrap());
        assert_eq!(offset_id(host, 3), "0708090A00002A9F0000000000000003");
        assert_eq!(parse_offset_id("0708090A00002A9F0000000000000003"), Some((host, 3)));
        let v6 = Host::new("[fe80::1]:10911".parse().unwrap());
        assert_eq!(offset_id(v6, 7).len(), 56);
        assert_eq!(parse_offset_id(&offset_id(v6, 7)), Some((v6, 7)));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in ["", "0", "zz", "0708090A00002A9F00000000000000", "ключ"] {
            assert_eq!(parse_offset_id(text), None, "{text}");
        }
    }

    #[test]
    fn unique_keys_differ_and_look_like_apaches() {
        let keys: std::collections::HashSet<_> = (0..10_000).map(|_| unique_key()).collect();
        assert_eq!(keys.len(), 10_000);
        assert!(keys.iter().all(|k| k.len() == 32 && k.bytes().all(|b| b.is_ascii_hexdigit())));
    }
}
