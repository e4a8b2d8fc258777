//! The two header encodings, JSON and ROCKETMQ (binary).
//!
//! A [`Decoder`] is reused over many frames: it keeps the list of field positions and a scratch string, for the few JSON texts
//! that need unescaping and for those of a binary header, so that decoding a request allocates nothing once it is warm. Texts
//! are checked for being UTF-8 once, all together: fields are looked at many times.

mod binary;
mod json;

use crate::command::{Command, CommandBuf, ExtFields, SerializeType};
use crate::frame::Frame;
use crate::language::Language;
use bytes::{BufMut as _, BytesMut};

/// The most header fields a command may have; real ones have some twenty.
pub const MAX_FIELDS: usize = 128;

/// Why a header was refused. The connection is closed, as Apache's server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A type byte other than 0 (JSON) and 1 (ROCKETMQ).
    #[error("unknown header type {0}")]
    SerializeType(u8),
    /// Not the JSON of a header; the byte it stopped at.
    #[error("header JSON is malformed at byte {0}")]
    Json(usize),
    /// The binary header ends early or its lengths lie.
    #[error("binary header is malformed")]
    Binary,
    /// Text is not UTF-8.
    #[error("header text is not UTF-8")]
    Utf8,
    /// More than [`MAX_FIELDS`].
    #[error("too many header fields")]
    TooManyFields,
}

/// A piece of text: in the header when that is JSON, or in the decoder's scratch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    len: u32,
    scratch: bool,
}

impl Span {
    fn range(self) -> std::ops::Range<usize> {
        self.start as usize..(self.start + self.len) as usize
    }
}

/// A header field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) key: Span,
    pub(crate) value: Span,
}

/// What spans point into.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Source<'a> {
    /// Of JSON.
    header: &'a str,
    scratch: &'a str,
}

impl<'a> Source<'a> {
    /// The text of a span.
    pub(crate) fn text(self, span: Span) -> &'a str {
        let of = if span.scratch { self.scratch } else { self.header };
        of.get(span.range()).unwrap_or_default()
    }
}

/// The fixed fields of a header and where its text is.
#[derive(Debug, Default)]
struct Fixed {
    code: i32,
    language: Language,
    version: i32,
    opaque: i32,
    flag: i32,
    remark: Option<Span>,
}

/// Decodes headers, reusing its memory.
#[derive(Debug, Default)]
pub struct Decoder {
    pairs: Vec<Pair>,
    scratch: String,
}

impl Decoder {
    /// Reads the command of `frame`.
    ///
    /// # Errors
    /// When the header is not of its declared type.
    pub fn decode<'a>(&'a mut self, frame: Frame<'a>) -> Result<Command<'a>, DecodeError> {
        self.pairs.clear();
        self.scratch.clear();
        let (pairs, scratch) = (&mut self.pairs, &mut self.scratch);
        let (serialize_type, header, fixed) = match frame.serialize_type {
            0 => {
                let header = std::str::from_utf8(frame.header).map_err(|_| DecodeError::Utf8)?;
                (SerializeType::Json, header, json::decode(header, pairs, scratch)?)
            }
            1 => (SerializeType::Binary, "", binary::decode(frame.header, pairs, scratch)?),
            other => return Err(DecodeError::SerializeType(other)),
        };
        let source = Source { header, scratch: &self.scratch };
        Ok(Command {
            serialize_type,
            code: fixed.code,
            language: fixed.language,
            version: fixed.version,
            opaque: fixed.opaque,
            flag: fixed.flag,
            remark: fixed.remark.map(|span| source.text(span)),
            ext: ExtFields { source, spans: &self.pairs },
            body: frame.body,
        })
    }
}

fn push(pairs: &mut Vec<Pair>, pair: Pair) -> Result<(), DecodeError> {
    if pairs.len() == MAX_FIELDS {
        return Err(DecodeError::TooManyFields);
    }
    pairs.push(pair);
    Ok(())
}

/// Drops the fields of a name.
fn forget(pairs: &mut Vec<Pair>, is_name: impl Fn(Span) -> bool) {
    pairs.retain(|pair| !is_name(pair.key));
}

/// Writes one header, field by field, in either encoding, straight into the outgoing buffer.
///
/// Order: [`begin`](Self::begin), at most one [`remark`](Self::remark), any [`field`](Self::field)s, then
/// [`finish`](Self::finish), which fills in the lengths that are known only then.
#[derive(Debug)]
pub struct HeaderWriter<'a> {
    out: &'a mut BytesMut,
    serialize_type: SerializeType,
    start: usize,
    state: State,
}

/// The fixed fields that [`HeaderWriter::begin`] writes.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// Encoding.
    pub serialize_type: SerializeType,
    /// Request or response code.
    pub code: i32,
    /// Language announced.
    pub language: Language,
    /// Version announced.
    pub version: i32,
    /// Correlation id.
    pub opaque: i32,
    /// Flags.
    pub flag: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fixed,
    Remark,
    /// In the fields; for the binary encoding, where their total length stands.
    Fields(usize),
}

impl<'a> HeaderWriter<'a> {
    /// Starts a frame at the end of `out`.
    pub fn begin(out: &'a mut BytesMut, head: Head) -> Self {
        let start = out.len();
        out.put_slice(&[0; crate::frame::PREFIX]);
        match head.serialize_type {
            SerializeType::Json => json::write_fixed(out, head),
            SerializeType::Binary => binary::write_fixed(out, head),
        }
        Self { out, serialize_type: head.serialize_type, start, state: State::Fixed }
    }

    /// Writes the remark; before any field.
    pub fn remark(&mut self, text: &str) {
        debug_assert_eq!(self.state, State::Fixed, "the remark comes once, before the fields");
        match self.serialize_type {
            SerializeType::Json => json::write_remark(self.out, text),
            SerializeType::Binary => binary::write_text(self.out, text),
        }
        self.state = State::Remark;
    }

    fn open_fields(&mut self) -> bool {
        if matches!(self.state, State::Fields(_)) {
            return false;
        }
        if self.serialize_type == SerializeType::Binary && self.state == State::Fixed {
            self.out.put_u32(0);
        }
        self.state = State::Fields(self.out.len());
        match self.serialize_type {
            SerializeType::Json => self.out.put_slice(b",\"extFields\":{"),
            SerializeType::Binary => self.out.put_u32(0),
        }
        true
    }

    /// Writes a header field.
    pub fn field(&mut self, name: &str, value: &str) {
        let first = self.open_fields();
        match self.serialize_type {
            SerializeType::Json => json::write_field(self.out, first, name, value),
            SerializeType::Binary => binary::write_field(self.out, name, value),
        }
    }

    /// Writes a header field whose value is an integer.
    pub fn int_field(&mut self, name: &str, value: i64) {
        let mut digits = [0; 20];
        self.field(name, decimal(&mut digits, value));
    }

    /// Closes the header and writes the frame's lengths for a body of `body_len` bytes that the caller sends next.
    /// Gives the buffer back.
    pub fn finish(mut self, body_len: usize) -> &'a mut BytesMut {
        match (self.serialize_type, self.state) {
            (SerializeType::Json, State::Fields(_)) => self.out.put_slice(b"}}"),
            (SerializeType::Json, _) => self.out.put_u8(b'}'),
            (SerializeType::Binary, State::Fields(at)) => {
                let len = self.out.len() - at - 4;
                self.patch(at, len);
            }
            (SerializeType::Binary, _) => {
                self.open_fields();
            }
        }
        let header_len = self.out.len() - self.start - crate::frame::PREFIX;
        let type_bits = match self.serialize_type {
            SerializeType::Json => 0,
            SerializeType::Binary => 1 << 24,
        };
        self.patch(self.start, 4 + header_len + body_len);
        self.patch(self.start + 4, type_bits | header_len);
        self.out
    }

    fn patch(&mut self, at: usize, value: usize) {
        if let Some(slot) = self.out.get_mut(at..at + 4) {
            slot.copy_from_slice(&(value as u32).to_be_bytes());
        }
    }
}

/// Appends the frame of an owned command.
pub(crate) fn encode(command: &CommandBuf, out: &mut BytesMut) {
    let head = Head {
        serialize_type: command.serialize_type,
        code: command.code,
        language: command.language,
        version: command.version,
        opaque: command.opaque,
        flag: command.flag,
    };
    let mut writer = HeaderWriter::begin(out, head);
    if let Some(remark) = &command.remark {
        writer.remark(remark);
    }
    for (name, value) in &command.ext {
        writer.field(name, value);
    }
    writer.finish(command.body.len()).put_slice(&command.body);
}

/// The decimal digits of `value`, without the formatting machinery: this runs several times an answer.
pub(crate) fn decimal(buffer: &mut [u8; 20], value: i64) -> &str {
    let mut rest = value.unsigned_abs();
    let mut at = buffer.len();
    for slot in buffer.iter_mut().rev() {
        *slot = b'0' + (rest % 10) as u8;
        rest /= 10;
        at -= 1;
        if rest == 0 {
            break;
        }
    }
    if value < 0
        && let Some(slot) = at.checked_sub(1).and_then(|at| buffer.get_mut(at))
    {
        *slot = b'-';
        at -= 1;
    }
    buffer.get(at..).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
