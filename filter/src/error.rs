//! Why an expression is refused, told to whoever wrote it.

/// An expression that cannot be read. Its text is for the person who wrote the expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("filter expression, column {column}: found {found}, expected {expected}")]
pub struct ParseError {
    /// Where, in characters from 1.
    pub column: usize,
    /// What stands there; long text is cut.
    pub found: String,
    /// What could stand there instead.
    pub expected: &'static str,
}

/// Longest piece of an expression that a message repeats, in characters.
const QUOTED: usize = 40;

impl ParseError {
    pub(crate) fn new(text: &str, at: usize, found: impl Into<String>, expected: &'static str) -> Self {
        Self { column: column(text, at), found: found.into(), expected }
    }

    /// Finds fault with the bytes from `start` to `end`.
    pub(crate) fn about(text: &str, start: usize, end: usize, expected: &'static str) -> Self {
        let found = text.get(start..end).unwrap_or_default();
        let mut quoted: String =
            found.chars().take(QUOTED).map(|c| if c.is_control() { ' ' } else { c }).collect();
        if found.is_empty() {
            quoted.push_str("the end");
        } else if quoted.len() < found.len() {
            quoted.push_str("...");
        }
        Self::new(text, start, quoted, expected)
    }
}

/// The column, from 1, of the character at byte `at`.
pub(crate) fn column(text: &str, at: usize) -> usize {
    text.char_indices().take_while(|(start, _)| *start < at).count() + 1
}

/// A value that cannot be compared as the expression wants: a property that is `many` with 5.
///
/// Apache throws an exception out of the whole expression then, and takes the message for not matched. So this is not the
/// same as an unknown answer: `NOT` of it does not match either, nor does `OR TRUE` after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a property's text cannot be compared with the value beside it")]
pub struct NotComparable;
