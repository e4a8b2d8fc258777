//! Bits of a record's `sysFlag` (Apache class `MessageSysFlag`).

/// The body is compressed.
pub const COMPRESSED: i32 = 0x1;
/// The message carries several tags.
pub const MULTI_TAGS: i32 = 0x2;
/// Mask of the two transaction bits.
pub const TRANSACTION_MASK: i32 = 0xC;
/// A prepared (half) message.
pub const TRANSACTION_PREPARED: i32 = 0x4;
/// A committed message.
pub const TRANSACTION_COMMIT: i32 = 0x8;
/// A rolled back message.
pub const TRANSACTION_ROLLBACK: i32 = 0xC;
/// The born host is IPv6.
pub const BORN_HOST_V6: i32 = 0x10;
/// The store host is IPv6.
pub const STORE_HOST_V6: i32 = 0x20;
/// Mask of the compression type: 0 and 0x300 are zlib, 0x100 lz4, 0x200 zstd.
pub const COMPRESSION_MASK: i32 = 0x700;
/// LZ4 frame.
pub const COMPRESSION_LZ4: i32 = 0x100;
/// Zstandard frame.
pub const COMPRESSION_ZSTD: i32 = 0x200;
/// zlib stream, named; a compressed body without any type bit is zlib too.
pub const COMPRESSION_ZLIB: i32 = 0x300;
