//! Compressed bodies never inflate beyond their limit.
#![no_main]

use gantry_remoting::compression::Compression;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for kind in [Compression::Zlib, Compression::Lz4, Compression::Zstd] {
        if let Ok(body) = kind.inflate(bytes, 100_000) {
            assert!(body.len() <= 100_000);
        }
    }
});
