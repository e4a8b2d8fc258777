//! The body as it was before a producer compressed it.

use bytes::Bytes;
use gantry_message::sys_flag;
use gantry_remoting::compression::Compression;
use std::io;

/// The most that a body may inflate to: a small one can declare gigabytes.
const LIMIT: usize = 128 * 1024 * 1024;

/// Inflates `body` as the flags say.
///
/// # Errors
/// When it is not what the flags say, or too large.
pub(super) fn inflate(body: &Bytes, flags: i32) -> io::Result<Bytes> {
    if flags & sys_flag::COMPRESSED == 0 {
        return Ok(body.clone());
    }
    let kind = match flags & sys_flag::COMPRESSION_MASK {
        // Producers before 4.9.4 knew only one and did not name it.
        0 | sys_flag::COMPRESSION_ZLIB => Compression::Zlib,
        sys_flag::COMPRESSION_LZ4 => Compression::Lz4,
        sys_flag::COMPRESSION_ZSTD => Compression::Zstd,
        other => return Err(io::Error::other(format!("unknown compression {other:#x}"))),
    };
    kind.inflate(body, LIMIT).map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_inflated_by_its_bits() {
        for (kind, bits) in [
            (Compression::Zlib, 0),
            (Compression::Zlib, 0x300),
            (Compression::Lz4, 0x100),
            (Compression::Zstd, 0x200),
        ] {
            let body = Bytes::from(kind.compress(b"hello").unwrap());
            assert_eq!(inflate(&body, bits | 1).unwrap(), &b"hello"[..], "{kind:?}");
            assert_eq!(inflate(&body, bits).unwrap(), body, "not compressed, whatever the type bits say");
        }
        assert!(inflate(&Bytes::from_static(b"hello"), 0x1).is_err());
        assert!(inflate(&Bytes::from_static(b"hello"), 0x401).is_err());
    }
}
