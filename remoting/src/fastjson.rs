//! JSON as Apache's fastjson writes and reads it, both ways.
//!
//! Two things are not JSON: map keys that are bare integers (`{0:"x"}`, from Java peers and their config files), and map
//! keys that are objects (`{{"topic":"T",..}:1}`), which Java clients *require* for maps keyed by a message queue.
//! Reading turns both into string keys; writing turns a string key that starts with `{` into an object key. Integer keys
//! are written quoted: every client reads that, and Go's only that.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::ser::{CharEscape, Formatter};
use std::borrow::Cow;
use std::io;

/// Nesting beyond which a body is refused.
const MAX_DEPTH: usize = 32;
/// Objects in a request's body: many thousand topics or groups.
pub const MAX_OBJECTS: usize = 65_536;

/// Writes `value`, compact, with object keys bare.
///
/// # Panics
/// Never for this crate's bodies: writing to memory cannot fail and their keys are strings.
pub fn to_vec(value: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    value
        .serialize(&mut serde_json::Serializer::with_formatter(&mut out, BareObjectKeys::default()))
        .expect("bodies have string keys and memory does not fail");
    out
}

/// Reads a body.
///
/// # Errors
/// When it is not fastjson's JSON or not of this type.
pub fn from_slice<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    from_slice_of(body, usize::MAX)
}

/// Reads a body that anybody may have sent: of a few bytes each, its objects become many times as much.
///
/// # Errors
/// As [`from_slice`], and when it has more than [`MAX_OBJECTS`].
pub fn from_request<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    from_slice_of(body, MAX_OBJECTS)
}

/// As [`from_slice`], of at most so many objects.
pub(crate) fn from_slice_of<T: DeserializeOwned>(
    body: &[u8],
    objects: usize,
) -> Result<T, serde_json::Error> {
    match quote_keys(body, objects) {
        Some(text) => serde_json::from_slice(&text),
        None => Err(serde::de::Error::custom("not JSON, or too much of it")),
    }
}

/// Writes string keys that hold an object without quotes and escapes.
#[derive(Default)]
struct BareObjectKeys {
    key: Key,
}

#[derive(Default, PartialEq)]
enum Key {
    #[default]
    No,
    /// A key's opening quote is due, unless its text starts an object.
    Opening,
    Quoted,
    Bare,
}

impl Formatter for BareObjectKeys {
    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.key = Key::Opening;
        if first { Ok(()) } else { writer.write_all(b",") }
    }

    fn end_object_key<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.key = Key::No;
        Ok(())
    }

    fn begin_string<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.key == Key::Opening { Ok(()) } else { writer.write_all(b"\"") }
    }

    fn end_string<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        match self.key {
            Key::Bare => Ok(()),
            Key::Opening => writer.write_all(b"\"\""),
            Key::No | Key::Quoted => writer.write_all(b"\""),
        }
    }

    fn write_i32<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: i32) -> io::Result<()> {
        self.write_i64(writer, value.into())
    }

    fn write_i64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: i64) -> io::Result<()> {
        if self.key == Key::Opening {
            self.key = Key::Quoted;
            writer.write_all(b"\"")?;
        }
        write!(writer, "{value}")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, text: &str) -> io::Result<()> {
        if self.key == Key::Opening && !text.is_empty() {
            if text.starts_with('{') {
                self.key = Key::Bare;
            } else {
                self.key = Key::Quoted;
                writer.write_all(b"\"")?;
            }
        }
        writer.write_all(text.as_bytes())
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        if self.key == Key::Opening {
            self.key = Key::Quoted;
            writer.write_all(b"\"")?;
        }
        if self.key == Key::Bare {
            // The key's text is JSON itself: its quotes and escapes stand as they are.
            match escape {
                CharEscape::Quote => return writer.write_all(b"\""),
                CharEscape::ReverseSolidus => return writer.write_all(b"\\"),
                _ => {}
            }
        }
        write_escape(writer, escape)
    }
}

fn write_escape<W: ?Sized + io::Write>(writer: &mut W, escape: CharEscape) -> io::Result<()> {
    let short = match escape {
        CharEscape::Quote => b"\\\"",
        CharEscape::ReverseSolidus => b"\\\\",
        CharEscape::Solidus => b"\\/",
        CharEscape::Backspace => b"\\b",
        CharEscape::FormFeed => b"\\f",
        CharEscape::LineFeed => b"\\n",
        CharEscape::CarriageReturn => b"\\r",
        CharEscape::Tab => b"\\t",
        CharEscape::AsciiControl(byte) => return write!(writer, "\\u{byte:04x}"),
    };
    writer.write_all(short)
}

/// Turns bare and object keys into string keys; `None` for what is not even close to JSON.
fn quote_keys(body: &[u8], objects: usize) -> Option<Cow<'_, [u8]>> {
    let mut quoter = Quoter { bytes: body, at: 0, out: Vec::new(), copied: 0, objects };
    quoter.value(0)?;
    if quoter.copied == 0 {
        return Some(Cow::Borrowed(body));
    }
    quoter.copy_to(body.len())?;
    Some(Cow::Owned(quoter.out))
}

struct Quoter<'a> {
    bytes: &'a [u8],
    at: usize,
    out: Vec<u8>,
    /// Input up to here is in `out`; 0 while nothing had to change.
    copied: usize,
    /// How many more objects there may be.
    objects: usize,
}

impl Quoter<'_> {
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.bytes.get(self.at) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn copy_to(&mut self, end: usize) -> Option<()> {
        self.out.extend_from_slice(self.bytes.get(self.copied..end)?);
        self.copied = end;
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            match self.bytes.get(self.at)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(())
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.peek()? {
            b'"' => self.string(),
            b'{' => {
                self.objects = self.objects.checked_sub(1)?;
                self.members(depth, b'}', true)
            }
            b'[' => self.members(depth, b']', false),
            _ => {
                let start = self.at;
                while !matches!(
                    self.bytes.get(self.at),
                    None | Some(b',' | b'}' | b']' | b':' | b'{' | b'[' | b'"' | b' ' | b'\n')
                ) {
                    self.at += 1;
                }
                (self.at > start).then_some(())
            }
        }
    }

    fn members(&mut self, depth: usize, close: u8, keyed: bool) -> Option<()> {
        self.at += 1;
        while self.peek()? != close {
            if keyed {
                self.key(depth)?;
                if self.peek()? != b':' {
                    return None;
                }
                self.at += 1;
            }
            self.value(depth + 1)?;
            match self.peek()? {
                b',' => self.at += 1,
                byte if byte == close => {}
                _ => return None,
            }
        }
        self.at += 1;
        Some(())
    }

    fn key(&mut self, depth: usize) -> Option<()> {
        if self.peek()? == b'"' {
            return self.string();
        }
        let start = self.at;
        // What stands inside an object key is copied as text, so it must itself be plain JSON.
        self.value(depth + 1)?;
        let key = self.bytes.get(start..self.at)?;
        self.copy_to(start)?;
        self.out.push(b'"');
        for byte in key {
            if matches!(byte, b'"' | b'\\') {
                self.out.push(b'\\');
            }
            self.out.push(*byte);
        }
        self.out.push(b'"');
        self.copied = self.at;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn bare_and_object_keys_are_read() {
        let read: BTreeMap<String, i32> = from_slice(br#"{0:1, "a":2,{"topic":"T","queueId":3}:4}"#).unwrap();
        assert_eq!(read["0"], 1);
        assert_eq!(read["a"], 2);
        assert_eq!(read[r#"{"topic":"T","queueId":3}"#], 4);
        let nested: BTreeMap<String, BTreeMap<i32, i64>> = from_slice(br#"{"T@g":{0:12,1:-3}}"#).unwrap();
        assert_eq!(nested["T@g"], BTreeMap::from([(0, 12), (1, -3)]));
    }

    #[test]
    fn object_keys_are_written_bare_and_integers_quoted() {
        let text = |map: BTreeMap<&str, i32>| String::from_utf8(to_vec(&map)).unwrap();
        assert_eq!(
            text(BTreeMap::from([(r#"{"topic":"T"}"#, 1), ("a\"b", 2), ("", 3)])),
            r#"{"":3,"a\"b":2,{"topic":"T"}:1}"#
        );
        assert_eq!(to_vec(&BTreeMap::from([(0, "{x")])), br#"{"0":"{x"}"#);
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for body in ["", "{", "{0:}", "{{:1}", "[1,,2]", "{\"a\" 1}", &"[".repeat(5_000), &"{{".repeat(5_000)]
        {
            assert!(from_slice::<serde_json::Value>(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_request_has_so_many_objects() {
        let list = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
        let read = |text: String| from_request::<Vec<BTreeMap<String, i32>>>(text.as_bytes()).is_ok();
        assert!(read(list(MAX_OBJECTS)) && !read(list(MAX_OBJECTS + 1)));
        assert!(from_slice::<Vec<BTreeMap<String, i32>>>(list(MAX_OBJECTS + 1).as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn plain_json_is_left_alone(map in prop::collection::btree_map("\\PC{0,8}", prop::collection::vec("\\PC{0,8}", 0..3), 0..5)) {
            let text = serde_json::to_vec(&map).unwrap();
            prop_assert_eq!(from_slice::<BTreeMap<String, Vec<String>>>(&text).unwrap(), map);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in "[{}\\[\\]:,\"\\\\0-9a ]{0,60}") {
            let _ = from_slice::<serde_json::Value>(bytes.as_bytes());
        }
    }
}
