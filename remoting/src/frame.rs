//! Frames: `length i32 | type u8, header length u24 | header | body`; the length does not count itself.

/// The largest frame that Apache's peers accept: `com.rocketmq.remoting.frameMaxLength`.
pub const MAX_FRAME: usize = 16_777_216;
/// The largest header we accept; Apache has no limit of its own, real headers stay far below.
pub const MAX_HEADER: usize = 65_536;
/// Bytes before the header.
pub const PREFIX: usize = 8;

/// Why a byte stream is no sequence of frames. The connection is closed: there is no way to find the next frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The declared length is over the limit or too small to hold a header length.
    #[error("frame declares {0} bytes")]
    Length(u32),
    /// The header does not fit its frame, or is over its limit.
    #[error("header declares {header} bytes in a frame of {frame}")]
    Header {
        /// Declared bytes of the header.
        header: usize,
        /// Declared bytes of the frame.
        frame: usize,
    },
}

/// Where a frame's parts lie in the bytes it was found at the start of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Serialize type byte.
    pub serialize_type: u8,
    /// The header.
    pub header: &'a [u8],
    /// The body; empty when absent.
    pub body: &'a [u8],
    /// Bytes of the whole frame, its length field included.
    pub len: usize,
}

/// Finds the frame at the start of `bytes`; `Ok(None)` while it is incomplete.
///
/// Lengths are checked as soon as their bytes are there, long before anything is allocated for them.
///
/// # Errors
/// When the lengths break a limit.
pub fn split(bytes: &[u8]) -> Result<Option<Frame<'_>>, FrameError> {
    let Some((declared, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let declared = u32::from_be_bytes(*declared);
    let len = declared as usize;
    if !(4..=MAX_FRAME).contains(&len) {
        return Err(FrameError::Length(declared));
    }
    let Some((mark, _)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    let [serialize_type, h @ ..] = *mark;
    let header_len = h.iter().fold(0, |n, b| n << 8 | usize::from(*b));
    if header_len > MAX_HEADER || header_len + 4 > len {
        return Err(FrameError::Header { header: header_len, frame: len });
    }
    let Some(whole) = rest.get(4..len) else { return Ok(None) };
    let (header, body) = whole.split_at_checked(header_len).unwrap_or_default();
    Ok(Some(Frame { serialize_type, header, body, len: len + 4 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(header: &[u8], body: &[u8]) -> Vec<u8> {
        let mut out = u32::try_from(4 + header.len() + body.len()).unwrap().to_be_bytes().to_vec();
        out.extend(u32::try_from(header.len()).unwrap().to_be_bytes());
        out.extend(header);
        out.extend(body);
        out
    }

    #[test]
    fn lengths_are_refused_before_their_bytes_arrive() {
        assert_eq!(split(&0x8000_0000_u32.to_be_bytes()), Err(FrameError::Length(0x8000_0000)));
        assert_eq!(split(&3_u32.to_be_bytes()), Err(FrameError::Length(3)));
        assert_eq!(split(&(16_777_217_u32).to_be_bytes()), Err(FrameError::Length(16_777_217)));
        assert_eq!(split(&[0, 0, 0, 10, 0, 0, 0, 7]), Err(FrameError::Header { header: 7, frame: 10 }));
        assert!(matches!(split(&[0, 16, 0, 0, 0, 2, 0, 0]), Err(FrameError::Header { .. })));
    }

    proptest! {
        #[test]
        fn a_frame_is_found_only_when_whole(header in prop::collection::vec(any::<u8>(), 0..40), body in prop::collection::vec(any::<u8>(), 0..40)) {
            let bytes = frame(&header, &body);
            for cut in 0..bytes.len() {
                prop_assert_eq!(split(&bytes[..cut]), Ok(None));
            }
            let got = split(&bytes).unwrap().unwrap();
            prop_assert_eq!((got.header, got.body, got.len), (&header[..], &body[..], bytes.len()));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = split(&bytes);
        }
    }
}
