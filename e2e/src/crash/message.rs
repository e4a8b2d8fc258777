//! Messages that say themselves who they are, so that whoever reads one knows whether it is as it was sent.

use crate::history::{MessageId, Seen};
use crate::record::Record;

/// A property of many sizes: what has a checksum of its own in the log is the body only.
const FILLER: &str = "filler";

#[derive(Debug)]
pub(super) struct Content {
    pub body: Vec<u8>,
    pub filler: String,
}

impl Content {
    /// What message `id` says; sizes from a few bytes to several pages.
    pub(super) fn of(id: MessageId) -> Self {
        let mut random = fastrand::Rng::with_seed(id.0);
        let length = match random.u32(..20) {
            0 => random.usize(..20_000),
            1..5 => random.usize(..4_000),
            _ => random.usize(..600),
        };
        let mut body = format!("{:016x}", id.0).into_bytes();
        body.extend(std::iter::repeat_with(|| random.u8(..)).take(length));
        let length = if random.u32(..8) == 0 { random.usize(..3_000) } else { random.usize(..80) };
        let filler = std::iter::repeat_with(|| random.alphanumeric()).take(length).collect();
        Self { body, filler }
    }

    pub(super) fn crc(&self) -> u32 {
        crc(&self.body, &self.filler)
    }

    /// The property string, with more of them.
    pub(super) fn properties(&self, more: &[(&str, &str)]) -> String {
        let mut all = vec![(FILLER, self.filler.as_str())];
        all.extend(more);
        crate::record::encode_properties(&all)
    }
}

fn crc(body: &[u8], filler: &str) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(body);
    crc.update(filler.as_bytes());
    crc.finalize()
}

/// What a stored message says.
pub(super) fn seen(record: &Record) -> Seen {
    let id =
        record.body.get(..16).and_then(|hex| u64::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
    Seen {
        offset: record.queue_offset,
        physical: record.physical_offset,
        id: id.filter(|_| record.damage.is_none()).map(MessageId),
        crc: crc(&record.body, record.properties.get(FILLER).map_or("", String::as_str)),
        stored_at: record.stored_at,
    }
}
