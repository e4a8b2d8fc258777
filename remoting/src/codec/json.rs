//! The JSON header (Apache: `RemotingSerializable` over fastjson).
//!
//! Readers must take keys in any order, unknown keys, numbers and booleans among the fields (C++ sends numbers), and a
//! final newline. Only two levels matter, so this is a scanner over the text rather than a tree: it notes where each
//! string is, and copies only those that have escapes.

use super::{DecodeError, Fixed, Head, Pair, Span, decimal, forget, push};
use crate::language::Language;
use bytes::{BufMut as _, BytesMut};

/// Nesting that unknown values may have before the header is refused.
const MAX_DEPTH: usize = 32;

pub(super) fn decode(
    header: &str,
    pairs: &mut Vec<Pair>,
    scratch: &mut String,
) -> Result<Fixed, DecodeError> {
    let mut s = Scanner { text: header, bytes: header.as_bytes(), at: 0, scratch };
    let mut fixed = Fixed::default();
    s.object(|s, key| {
        match s.peek_text(key) {
            "code" => fixed.code = s.int()?,
            "version" => fixed.version = s.int()?,
            "opaque" => fixed.opaque = s.int()?,
            "flag" => fixed.flag = s.int()?,
            "language" => {
                fixed.language = match s.scalar()? {
                    // An ordinal, as the binary header has it.
                    Some(span) if !span.scratch && s.peek_text(span).bytes().all(|b| b.is_ascii_digit()) => {
                        Language(s.peek_text(span).parse().unwrap_or(Language::OTHER.0))
                    }
                    Some(span) => Language::from_name(s.peek_text(span)),
                    None => Language::JAVA,
                }
            }
            "remark" => fixed.remark = s.scalar()?,
            "extFields" => {
                if !s.null() {
                    s.object(|s, key| {
                        match s.scalar()? {
                            Some(value) => push(pairs, Pair { key, value }),
                            // In a map of Java's it would stand in the place of an earlier one.
                            None => {
                                forget(pairs, |earlier| s.peek_text(earlier) == s.peek_text(key));
                                Ok(())
                            }
                        }
                    })?;
                }
            }
            _ => s.skip(0)?,
        }
        Ok(())
    })?;
    s.blanks();
    if s.at == header.len() { Ok(fixed) } else { Err(s.error()) }
}

struct Scanner<'a, 's> {
    text: &'a str,
    /// The same.
    bytes: &'a [u8],
    at: usize,
    scratch: &'s mut String,
}

impl Scanner<'_, '_> {
    fn error(&self) -> DecodeError {
        DecodeError::Json(self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        self.blanks();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), DecodeError> {
        if self.eat(byte) { Ok(()) } else { Err(self.error()) }
    }

    /// The text of a span found so far.
    fn peek_text(&self, span: Span) -> &str {
        let of = if span.scratch { self.scratch.as_str() } else { self.text };
        of.get(span.range()).unwrap_or_default()
    }

    fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Span) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.expect(b'{')?;
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            self.blanks();
            let key = self.string()?;
            self.expect(b':')?;
            member(self, key)?;
            if self.eat(b',') {
                continue;
            }
            return self.expect(b'}');
        }
    }

    /// `null`, consumed if present.
    fn null(&mut self) -> bool {
        self.blanks();
        let found = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(b"null"));
        if found {
            self.at += 4;
        }
        found
    }

    fn int(&mut self) -> Result<i32, DecodeError> {
        let at = self.at;
        // Java reads a missing or null number as 0.
        let Some(span) = self.scalar()? else { return Ok(0) };
        self.peek_text(span).parse().map_err(|_| DecodeError::Json(at))
    }

    /// A string, number or boolean as text; `None` for null.
    fn scalar(&mut self) -> Result<Option<Span>, DecodeError> {
        self.blanks();
        match self.peek() {
            Some(b'"') => self.string().map(Some),
            Some(b'n') if self.null() => Ok(None),
            Some(b'-' | b'0'..=b'9' | b't' | b'f') => {
                let start = self.at;
                while matches!(self.peek(), Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E')) {
                    self.at += 1;
                }
                let span = Span { start: start as u32, len: (self.at - start) as u32, scratch: false };
                if is_plain(self.peek_text(span)) { Ok(Some(span)) } else { Err(DecodeError::Json(start)) }
            }
            _ => Err(self.error()),
        }
    }

    fn string(&mut self) -> Result<Span, DecodeError> {
        if self.peek() != Some(b'"') {
            return Err(self.error());
        }
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => return self.escaped(start),
                Some(_) => self.at += 1,
                None => return Err(self.error()),
            }
        }
        let span = Span { start: start as u32, len: (self.at - start) as u32, scratch: false };
        self.at += 1;
        Ok(span)
    }

    /// The rest of a string with escapes, unescaped into the scratch.
    fn escaped(&mut self, start: usize) -> Result<Span, DecodeError> {
        let scratch_start = self.scratch.len();
        let mut clean = start;
        loop {
            let byte = self.peek().ok_or_else(|| self.error())?;
            if byte == b'"' || byte == b'\\' {
                self.scratch.push_str(self.text.get(clean..self.at).ok_or(DecodeError::Utf8)?);
            }
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => {
                    let c = self.escape()?;
                    self.scratch.push(c);
                    clean = self.at;
                }
                _ => {}
            }
        }
        let len = self.scratch.len() - scratch_start;
        Ok(Span { start: scratch_start as u32, len: len as u32, scratch: true })
    }

    fn escape(&mut self) -> Result<char, DecodeError> {
        let byte = self.peek().ok_or_else(|| self.error())?;
        self.at += 1;
        Ok(match byte {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'"' | b'\\' | b'/' | b'\'' => char::from(byte),
            b'u' => {
                let high = self.hex4()?;
                if (0xD800..0xDC00).contains(&high)
                    && self.bytes.get(self.at..).is_some_and(|r| r.starts_with(b"\\u"))
                {
                    let back = self.at;
                    self.at += 2;
                    let low = self.hex4()?;
                    if let Some(Ok(c)) = char::decode_utf16([high, low]).next() {
                        return Ok(c);
                    }
                    self.at = back;
                }
                // A lone surrogate has no UTF-8; Java would write it as '?'.
                char::from_u32(u32::from(high)).unwrap_or('?')
            }
            _ => return Err(self.error()),
        })
    }

    fn hex4(&mut self) -> Result<u16, DecodeError> {
        let digits =
            self.bytes.get(self.at..).and_then(|r| r.first_chunk::<4>()).ok_or_else(|| self.error())?;
        let mut value = 0;
        for digit in digits {
            let digit = char::from(*digit).to_digit(16).ok_or_else(|| self.error())?;
            value = value << 4 | digit as u16;
        }
        self.at += 4;
        Ok(value)
    }

    /// Passes over a value that nobody asked for.
    fn skip(&mut self, depth: usize) -> Result<(), DecodeError> {
        if depth > MAX_DEPTH {
            return Err(self.error());
        }
        self.blanks();
        match self.peek() {
            Some(b'{') => self.object(|s, _| s.skip(depth + 1)),
            Some(b'[') => {
                self.at += 1;
                if self.eat(b']') {
                    return Ok(());
                }
                loop {
                    self.skip(depth + 1)?;
                    if !self.eat(b',') {
                        return self.expect(b']');
                    }
                }
            }
            _ => self.scalar().map(drop),
        }
    }
}

/// True for what JSON has besides text, objects, lists and null.
fn is_plain(text: &str) -> bool {
    matches!(text, "true" | "false") || is_number(text).is_some()
}

/// RFC 8259, section 6.
fn is_number(text: &str) -> Option<()> {
    let digits = |text: &str| {
        let count = text.bytes().take_while(u8::is_ascii_digit).count();
        (count > 0).then_some(count)
    };
    let text = text.strip_prefix('-').unwrap_or(text);
    let whole = digits(text)?;
    if whole > 1 && text.starts_with('0') {
        return None;
    }
    let mut rest = text.get(whole..)?;
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = fraction.get(digits(fraction)?..)?;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        rest = exponent.get(digits(exponent)?..)?;
    }
    rest.is_empty().then_some(())
}

pub(super) fn write_fixed(out: &mut BytesMut, head: Head) {
    let mut digits = [0; 20];
    let mut number = |out: &mut BytesMut, before: &[u8], value: i32| {
        out.put_slice(before);
        out.put_slice(decimal(&mut digits, i64::from(value)).as_bytes());
    };
    number(out, b"{\"code\":", head.code);
    number(out, b",\"flag\":", head.flag);
    out.put_slice(b",\"language\":\"");
    out.put_slice(head.language.name().as_bytes());
    number(out, b"\",\"opaque\":", head.opaque);
    number(out, b",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":", head.version);
}

pub(super) fn write_remark(out: &mut BytesMut, text: &str) {
    out.put_slice(b",\"remark\":");
    write_string(out, text);
}

pub(super) fn write_field(out: &mut BytesMut, first: bool, name: &str, value: &str) {
    if !first {
        out.put_u8(b',');
    }
    write_string(out, name);
    out.put_u8(b':');
    write_string(out, value);
}

fn write_string(out: &mut BytesMut, text: &str) {
    out.put_u8(b'"');
    let mut clean = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.put_slice(text.as_bytes().get(clean..at).unwrap_or_default());
        clean = at + 1;
        match byte {
            b'"' | b'\\' => out.put_slice(&[b'\\', byte]),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                let digit = |n: u8| HEX.get(usize::from(n)).copied().unwrap_or(b'0');
                out.put_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    out.put_slice(text.as_bytes().get(clean..).unwrap_or_default());
    out.put_u8(b'"');
}
