//! Bodies and names from elsewhere, made fit for a terminal.

use std::borrow::Cow;

/// Bytes of a binary body that are shown.
const SHOWN: usize = 64;

/// A body for people: text if it is text without control characters, else hex of its beginning.
pub(crate) fn body(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(is_harmful) => Cow::Borrowed(text),
        _ => Cow::Owned(hex(bytes)),
    }
}

/// Escape sequences can rewrite what stands on the screen.
fn is_harmful(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\r' | '\t')
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = format!("({} bytes)", bytes.len());
    for (index, chunk) in bytes[..bytes.len().min(SHOWN)].chunks(8).enumerate() {
        out.push_str(if index == 0 { " " } else { "  " });
        for (at, byte) in chunk.iter().enumerate() {
            let _ = write!(out, "{}{byte:02x}", if at == 0 { "" } else { " " });
        }
    }
    if bytes.len() > SHOWN {
        out.push_str("  ...");
    }
    out
}

/// A tag, key or name with its control characters escaped.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        Cow::Owned(
            text.chars()
                .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
                .collect(),
        )
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_as_text_and_anything_else_as_hex() {
        assert_eq!(body("héllo\n\twörld".as_bytes()), "héllo\n\twörld");
        assert_eq!(body(&[0, 1, 255]), "(3 bytes) 00 01 ff");
        assert_eq!(
            body(b"\x1b[2Jboo"),
            "(7 bytes) 1b 5b 32 4a 62 6f 6f",
            "no escape sequence reaches the terminal"
        );
        assert!(body(&[0xAA; 100]).ends_with("aa aa  ..."));
    }

    #[test]
    fn control_characters_in_names_are_escaped() {
        assert_eq!(escaped("plain"), "plain");
        assert_eq!(escaped("a\x1b[1m\n"), "a\\u{1b}[1m\\n");
    }
}
