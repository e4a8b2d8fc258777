//! The ROCKETMQ header (Apache: `RocketMQSerializable`).
//!
//! `code i16 | language u8 | version i16 | opaque i32 | flag i32 | remark i32 + n | fields i32 + (key i16 + n, value i32 + n)*`

use super::{DecodeError, Fixed, Head, Pair, Span, forget, push};
use crate::language::Language;
use bytes::{BufMut as _, BytesMut};

/// Texts stay where they stand in the header, of which `scratch` becomes a copy: everything else in it is blanked, so that one look
/// says that all of them are UTF-8, each by itself.
pub(super) fn decode(
    header: &[u8],
    pairs: &mut Vec<Pair>,
    scratch: &mut String,
) -> Result<Fixed, DecodeError> {
    let mut texts = std::mem::take(scratch).into_bytes();
    texts.clear();
    texts.extend_from_slice(header);
    let mut reader = Reader { texts, at: 0 };
    let code = i32::from(i16::from_be_bytes(reader.array()?));
    let [language] = reader.array()?;
    let version = i32::from(i16::from_be_bytes(reader.array()?));
    let opaque = i32::from_be_bytes(reader.array()?);
    let flag = i32::from_be_bytes(reader.array()?);
    let remark_len = u32::from_be_bytes(reader.array()?);
    let remark = if remark_len == 0 { None } else { Some(reader.text(remark_len)?) };
    let fields_len = u32::from_be_bytes(reader.array()?) as usize;
    let end =
        // What would follow the fields is no part of a header, and Apache's reader takes it for the body.
        reader.at.checked_add(fields_len).filter(|end| *end == header.len()).ok_or(DecodeError::Binary)?;
    while reader.at < end {
        let key_len = u16::from_be_bytes(reader.array()?);
        let key = reader.text(u32::from(key_len))?;
        let value_len = u32::from_be_bytes(reader.array()?);
        let value = reader.text(value_len)?;
        // An empty text is how Java reads no text at all, also where it stands in the place of an earlier one.
        if value.len == 0 {
            let text = |span: Span| reader.texts.get(span.range());
            forget(pairs, |earlier| text(earlier) == text(key));
        } else if key.len > 0 {
            push(pairs, Pair { key, value })?;
        }
    }
    if reader.at != end {
        return Err(DecodeError::Binary);
    }
    *scratch = String::from_utf8(reader.texts).map_err(|_| DecodeError::Utf8)?;
    Ok(Fixed { code, language: Language(language), version, opaque, flag, remark })
}

struct Reader {
    /// The header, without what was read of it and is no text.
    texts: Vec<u8>,
    at: usize,
}

impl Reader {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let there = self.texts.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut::<N>());
        let bytes = std::mem::replace(there.ok_or(DecodeError::Binary)?, [0; N]);
        self.at += N;
        Ok(bytes)
    }

    fn text(&mut self, len: u32) -> Result<Span, DecodeError> {
        let end = self.at.checked_add(len as usize).filter(|end| *end <= self.texts.len());
        let span = Span { start: self.at as u32, len, scratch: true };
        self.at = end.ok_or(DecodeError::Binary)?;
        Ok(span)
    }
}

pub(super) fn write_fixed(out: &mut BytesMut, head: Head) {
    // Codes beyond 16 bits do not fit this header; Java truncates them too, and POP travels as JSON.
    out.put_i16(head.code as i16);
    out.put_u8(head.language.0);
    out.put_i16(head.version as i16);
    out.put_i32(head.opaque);
    out.put_i32(head.flag);
}

pub(super) fn write_text(out: &mut BytesMut, text: &str) {
    out.put_u32(text.len() as u32);
    out.put_slice(text.as_bytes());
}

pub(super) fn write_field(out: &mut BytesMut, name: &str, value: &str) {
    out.put_u16(name.len() as u16);
    out.put_slice(name.as_bytes());
    write_text(out, value);
}
