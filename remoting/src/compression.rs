//! Compressed message bodies. The broker stores them as sent; consumers inflate.
//!
//! Apache: `CompressorFactory`: zlib stream (RFC 1950), LZ4 frame, Zstandard frame.

use std::io::{Read as _, Write as _};

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// zlib stream: all that Go and C++ clients know.
    Zlib,
    /// LZ4 frame.
    Lz4,
    /// Zstandard frame.
    Zstd,
}

impl Compression {
    /// Compresses `body` at a fast level.
    ///
    /// # Errors
    /// Those of the codec; none is known for in-memory input.
    pub fn compress(self, body: &[u8]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Zlib => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(5));
                encoder.write_all(body)?;
                encoder.finish()
            }
            Self::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(body)?;
                encoder.finish().map_err(std::io::Error::other)
            }
            Self::Zstd => zstd::bulk::compress(body, 3),
        }
    }

    /// Inflates `body` to at most `limit` bytes.
    ///
    /// # Errors
    /// When it is not of this kind, cut off, or longer than `limit`: a small body can declare gigabytes.
    pub fn inflate(self, body: &[u8], limit: usize) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Zlib => read_at_most(flate2::read::ZlibDecoder::new(body), limit),
            Self::Lz4 => read_at_most(lz4_flex::frame::FrameDecoder::new(body), limit),
            Self::Zstd => read_at_most(zstd::stream::read::Decoder::new(body)?, limit),
        }
    }
}

fn read_at_most(reader: impl std::io::Read, limit: usize) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    reader.take(limit as u64 + 1).read_to_end(&mut out)?;
    if out.len() > limit {
        return Err(std::io::Error::other(format!("inflates to more than {limit} bytes")));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Compression; 3] = [Compression::Zlib, Compression::Lz4, Compression::Zstd];

    #[test]
    fn what_was_compressed_is_inflated() {
        let body = b"0123456789".repeat(1000);
        for kind in ALL {
            let small = kind.compress(&body).unwrap();
            assert!(small.len() < body.len() / 10, "{kind:?}");
            assert_eq!(kind.inflate(&small, body.len()).unwrap(), body, "{kind:?}");
            assert!(kind.inflate(&small, body.len() - 1).is_err(), "{kind:?} keeps its limit");
            assert!(kind.inflate(&small[..small.len() / 2], body.len()).is_err(), "{kind:?} notices a cut");
            assert!(kind.inflate(b"nonsense", 100).is_err(), "{kind:?}");
        }
    }
}
