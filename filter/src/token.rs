//! Cuts an expression into tokens, the longest possible each.
//!
//! Apache: the tokens of `SelectorParser.jj`. Blanks are space, tab, line feed, carriage return and form feed; nothing else
//! is. A `--` comment needs the end of its line: without one it is two minus signs.

use crate::error::ParseError;

/// A token and the bytes that it is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind<'a>,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    /// A keyword, in upper case.
    Word(&'static str),
    /// A property's name, whose case counts.
    Name(&'a str),
    /// Digits, with an `L` perhaps.
    Integer(&'a str),
    /// A number with a point or an exponent.
    Decimal(&'a str),
    /// What is between quotes; a quote in it stands twice.
    Text(&'a str),
    /// An operator or a bracket.
    Sign(&'static str),
    /// After the last token.
    End,
}

const WORDS: [&str; 12] = [
    "NOT",
    "AND",
    "OR",
    "BETWEEN",
    "IN",
    "TRUE",
    "FALSE",
    "NULL",
    "IS",
    "CONTAINS",
    "STARTSWITH",
    "ENDSWITH",
];
/// No sign comes before a longer one that begins with it.
const SIGNS: [&str; 11] = ["<>", ">=", "<=", "=", ">", "<", "(", ",", ")", "+", "-"];
const BLANKS: [char; 5] = [' ', '\t', '\n', '\r', '\u{c}'];
const LINE_ENDS: [char; 2] = ['\n', '\r'];

/// Reads one token after the other.
#[derive(Debug)]
pub(crate) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    /// Where the last line ends; asked for once, so that many `--` without one do not each search the rest of the text.
    last_line_end: usize,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, last_line_end: text.rfind(LINE_ENDS).unwrap_or(0) }
    }

    /// The next token, [`Kind::End`] after the last.
    pub(crate) fn next(&mut self) -> Result<Token<'a>, ParseError> {
        self.skip_blanks();
        let (start, rest) = (self.at, self.rest());
        let Some(first) = rest.chars().next() else {
            return Ok(Token { kind: Kind::End, start, end: start });
        };
        let found = match first {
            '\'' => text(rest),
            '0'..='9' | '.' => number(rest),
            'a'..='z' | 'A'..='Z' | '_' | '$' => Some(word(rest)),
            _ => {
                SIGNS.iter().find(|sign| rest.starts_with(**sign)).map(|sign| (Kind::Sign(sign), sign.len()))
            }
        };
        let Some((kind, len)) = found else {
            let found = match first {
                '!'..='~' => String::from(first),
                // Nobody sees a blank of another alphabet or a byte order mark.
                _ => format!("the character U+{:04X}", u32::from(first)),
            };
            return Err(ParseError::new(self.text, start, found, instead_of(first)));
        };
        self.at += len;
        Ok(Token { kind, start, end: self.at })
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        loop {
            self.at = self.text.len() - self.rest().trim_start_matches(BLANKS).len();
            let rest = self.rest();
            let comment = if rest.starts_with("--") && self.at < self.last_line_end {
                rest.find(LINE_ENDS).map(|end| end + 1)
            } else if let Some(inside) = rest.strip_prefix("/*") {
                inside.find("*/").map(|end| end + 4)
            } else {
                None
            };
            match comment {
                Some(len) => self.at += len,
                None => return,
            }
        }
    }
}

/// What the writer of a character that begins no token may have meant.
fn instead_of(character: char) -> &'static str {
    match character {
        '\'' => "a closing quote",
        '"' => "text in single quotes",
        '!' => "NOT or <>",
        '&' => "AND",
        '|' => "OR",
        '/' => "a comment from /* to */",
        _ => "an operator, a property, a number or text in single quotes",
    }
}

/// A quoted text and its length with the quotes; none when the closing quote is missing.
fn text(rest: &str) -> Option<(Kind<'_>, usize)> {
    let (mut end, mut from) = (None, 1);
    while let Some(quote) = rest.get(from..).and_then(|rest| rest.find('\'')) {
        end = Some(from + quote);
        from += quote + 1;
        if !rest.get(from..)?.starts_with('\'') {
            break;
        }
        // Without a quote to come it is here that the text ends: the longest token that there is.
        from += 1;
    }
    Some((Kind::Text(rest.get(1..end?)?), end? + 1))
}

/// A number without a sign, and its length; none for a point without digits.
fn number(rest: &str) -> Option<(Kind<'_>, usize)> {
    let byte = |at: usize| rest.as_bytes().get(at).copied();
    let digits = |from: usize| rest.bytes().skip(from).take_while(u8::is_ascii_digit).count();
    let whole = digits(0);
    let (mut len, mut decimal) = (whole, false);
    if byte(whole) == Some(b'.') {
        let fraction = digits(whole + 1);
        if whole + fraction > 0 {
            (len, decimal) = (whole + 1 + fraction, true);
        }
    }
    if len == 0 {
        return None;
    }
    if matches!(byte(len), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(byte(len + 1), Some(b'+' | b'-')));
        let exponent = digits(len + 1 + sign);
        if exponent > 0 {
            (len, decimal) = (len + 1 + sign + exponent, true);
        }
    }
    if decimal {
        return Some((Kind::Decimal(rest.get(..len)?), len));
    }
    // `0` is alone: no digit and no `L` belongs to it.
    let len = match (byte(0), byte(whole)) {
        (Some(b'0'), _) => 1,
        (_, Some(b'l' | b'L')) => whole + 1,
        _ => whole,
    };
    Some((Kind::Integer(rest.get(..len)?), len))
}

/// A keyword or a property's name, and its length.
fn word(rest: &str) -> (Kind<'_>, usize) {
    let len = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$')).count();
    let name = rest.get(..len).unwrap_or_default();
    let kind = match WORDS.iter().find(|word| word.eq_ignore_ascii_case(name)) {
        Some(word) => Kind::Word(word),
        None => Kind::Name(name),
    };
    (kind, len)
}
