//! SQL92 filter expressions on message properties.
//!
//! ```
//! let expression = gantry_filter::Expression::parse("region IN ('eu', 'us') AND price BETWEEN 10 AND 99")?;
//! let message = |name: &str| match name {
//!     "region" => Some("eu"),
//!     "price" => Some("42"),
//!     _ => None,
//! };
//! assert!(expression.matches(message));
//! # Ok::<(), gantry_filter::ParseError>(())
//! ```
//!
//! Apache: the module `rocketmq-filter`, of 5.5.0, whose answers are the tests' golden data. What is meant there by an
//! expression is meant here, also where SQL would mean something else:
//!
//! - A property is text. Beside a number it is read as one; when it is none, or none of the literal's class (`'5.5'` beside
//!   `5`, `'3000000000'` beside `5`), the message does not match, whatever else the expression says: [`NotComparable`].
//! - Text has no order, except that two properties are ordered as decimals. It can be equal, or be looked into by
//!   `CONTAINS`, `STARTSWITH`, `ENDSWITH`; there is no `LIKE`, no `!=` and no arithmetic.
//! - `NOT` belongs to the operand that follows: `NOT a = 'b'` is `(NOT a) = 'b'`.
//! - A comparison with a property that the message lacks is unknown, except that `'x' = a` is false when it lacks `a`, and
//!   that two which it lacks are equal. `CONTAINS` and its like are false then, with `NOT` too.
//! - A whole number is Java's `Integer`, or its `Long` when it does not fit; one with a point or an exponent is a `Double`,
//!   and `0.0` is refused.
//! - Whatever follows a complete expression is not read, for instance `LIKE 'x'` after `a`: [`Expression::unread`].
//!
//! Where Apache is not followed: an expression has at most [`MAX_LEN`] bytes and [`MAX_DEPTH`] levels, which Apache leaves to
//! its stack, and two ways to write a number in a property are not known: the hexadecimal `0x1p3` for a decimal, and digits
//! other than 0 to 9 for a whole number.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod error;
mod evaluate;
mod parser;
#[cfg(test)]
mod round_trip;
mod token;
mod tree;
mod value;

pub use error::{NotComparable, ParseError};

/// Longest expression in bytes.
pub const MAX_LEN: usize = 65_536;
/// Most levels of an expression: brackets, signs and `NOT`s in each other, operators that take another's answer. Conditions
/// joined by `AND` or `OR` are one level, however many.
pub const MAX_DEPTH: usize = 128;

/// A filter expression, ready to be asked about messages.
#[derive(Clone, Debug)]
pub struct Expression {
    condition: tree::Condition,
    unread: Option<usize>,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// Says where the expression is wrong.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let (condition, unread) = parser::parse(text)?;
        Ok(Self { condition, unread: unread.map(|at| error::column(text, at)) })
    }

    /// The column, from 1, of the first text that is not part of the expression, if there is any: Apache's parser stops
    /// where an expression is complete, whatever follows. Worth a warning, since its writer thinks that it has a meaning.
    #[must_use]
    pub fn unread(&self) -> Option<usize> {
        self.unread
    }

    /// Whether a message with these properties matches: the answer is true, neither false nor unknown. Allocates nothing.
    #[must_use]
    pub fn matches<'a>(&self, property: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.evaluate(property) == Ok(Some(true))
    }

    /// The answer for a message with these properties; `None` is SQL's unknown.
    ///
    /// # Errors
    /// When a property cannot be compared as the expression wants. The message does not match then.
    pub fn evaluate<'a>(
        &self,
        property: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Option<bool>, NotComparable> {
        self.condition.decide(&property)
    }
}
