//! A store that Apache's broker has left: which of its messages it has delivered (Apache: `TimerCheckpoint`).

use crate::json_file;
use gantry_store::QueueOffset;
use std::io;
use std::path::Path;

/// What Apache's broker has delivered, of what it has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Delivered {
    /// Milliseconds since the epoch: what was due before is delivered.
    before: i64,
    /// Where its reading ended.
    read: QueueOffset,
}

impl Delivered {
    /// Reads `config/timercheck`: big-endian integers of 64 bits, of which the first is the time and the third the offset.
    pub(super) fn load(config_dir: &Path) -> Result<Self, json_file::Error> {
        let path = config_dir.join("timercheck");
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Self::parse(&bytes).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(json_file::Error::Io { path, source }),
        }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let number = |n: usize| Some(i64::from_be_bytes(*bytes.get(n * 8..)?.first_chunk()?));
        Some(Self { before: number(0)?, read: QueueOffset(number(2)?) })
    }

    pub(super) fn has_read(&self, offset: QueueOffset) -> bool {
        offset < self.read
    }

    pub(super) fn has_delivered(&self, due: i64) -> bool {
        due < self.before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_due_and_read_is_delivered() {
        let bytes: Vec<u8> = [5000_i64, 77, 3, 0].iter().flat_map(|n| n.to_be_bytes()).collect();
        let delivered = Delivered::parse(&bytes).unwrap();
        assert!(delivered.has_read(QueueOffset(2)) && !delivered.has_read(QueueOffset(3)));
        assert!(delivered.has_delivered(4999) && !delivered.has_delivered(5000));
        assert_eq!(Delivered::parse(&bytes[..20]), None);
        assert!(!Delivered::default().has_read(QueueOffset(0)));
    }
}
