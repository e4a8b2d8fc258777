//! Values, and how two of them compare.
//!
//! Apache: `ComparisonExpression.__compare`, with the conversion of text that RocketMQ always turns on. A property is text;
//! beside a number it is read as a number of the same Java class, so `3000000000` and `5.5` are not comparable with `1`, an
//! `Integer`, while `5.5` is comparable with `1.5`.

use crate::error::NotComparable;
use std::cmp::Ordering;

/// A number as Java holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Integer(i32),
    Long(i64),
    Double(f64),
}

impl Number {
    /// Negated. No literal is so low that this could overflow.
    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Integer(number) => Self::Integer(number.wrapping_neg()),
            Self::Long(number) => Self::Long(number.wrapping_neg()),
            Self::Double(number) => Self::Double(-number),
        }
    }

    /// `text` as a number of the same class.
    fn same_class(self, text: &str) -> Result<Self, NotComparable> {
        match self {
            // Java and Rust agree: a sign or none, digits, nothing around them.
            Self::Integer(_) => text.parse().map(Self::Integer).map_err(|_| NotComparable),
            Self::Long(_) => text.parse().map(Self::Long).map_err(|_| NotComparable),
            Self::Double(_) => double(text).map(Self::Double),
        }
    }

    /// Numbers of two classes compare in the wider.
    pub(crate) fn compare(self, other: Self) -> Ordering {
        match (self.whole(), other.whole()) {
            (Some(this), Some(other)) => this.cmp(&other),
            // Java's order of doubles: -0.0 before 0.0, NaN last. It is the total order since no NaN here is negative.
            _ => self.double().total_cmp(&other.double()),
        }
    }

    fn whole(self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(number.into()),
            Self::Long(number) => Some(number),
            Self::Double(_) => None,
        }
    }

    fn double(self) -> f64 {
        match self {
            Self::Integer(number) => number.into(),
            Self::Long(number) => number as f64,
            Self::Double(number) => number,
        }
    }
}

/// What an operand is for one message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(&'a str),
}

impl Value<'_> {
    /// Whether both are the same; unknown when only the left one is null.
    pub(crate) fn equals(self, other: Self) -> Result<Option<bool>, NotComparable> {
        Ok(match (self, other) {
            (Self::Null, Self::Null) => Some(true),
            (Self::Null, _) => None,
            (_, Self::Null) => Some(false),
            (Self::Text(left), Self::Text(right)) => Some(left == right),
            _ => Some(self.compare(other)?.is_eq()),
        })
    }

    /// How two values, neither of them null, are ordered. Text is ordered as numbers only.
    pub(crate) fn compare(self, other: Self) -> Result<Ordering, NotComparable> {
        match (self, other) {
            (Self::Number(left), Self::Number(right)) => Ok(left.compare(right)),
            (Self::Number(left), Self::Text(right)) => Ok(left.compare(left.same_class(right)?)),
            (Self::Text(left), Self::Number(right)) => Ok(right.same_class(left)?.compare(right)),
            (Self::Text(left), Self::Text(right)) => Ok(double(left)?.total_cmp(&double(right)?)),
            (Self::Bool(left), Self::Bool(right)) => Ok(left.cmp(&right)),
            (Self::Text(left), Self::Bool(right)) => Ok(left.eq_ignore_ascii_case("true").cmp(&right)),
            // Apache converts only the text to the left of a truth value; the other way round its cast fails.
            (Self::Bool(_), Self::Text(_)) => Err(NotComparable),
            // Of what cannot be converted Apache says that the left is less.
            (Self::Bool(_), Self::Number(_)) | (Self::Number(_), Self::Bool(_)) => Ok(Ordering::Less),
            (Self::Null, _) | (_, Self::Null) => Err(NotComparable),
        }
    }
}

/// A decimal text as Java's `Double.valueOf` reads it: blanks and control characters around it do not count, an `f` or `d`
/// may follow. Not read, unlike in Java, are hexadecimal ones, such as `0x1p3`.
fn double(text: &str) -> Result<f64, NotComparable> {
    let text = text.trim_matches(|c| c <= ' ');
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let number = match digits {
        "NaN" => return Ok(f64::NAN),
        "Infinity" => f64::INFINITY,
        _ => {
            let digits = digits.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(digits);
            // Rust would also read a second sign, `inf` and the like.
            let plain = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
            digits.parse().ok().filter(|_| plain).ok_or(NotComparable)?
        }
    };
    Ok(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_read_like_javas() {
        for (text, number) in [
            ("1", 1.0),
            (" \t-1.5\u{0} ", -1.5),
            ("+.5", 0.5),
            ("5.", 5.0),
            ("1e3d", 1000.0),
            ("2F", 2.0),
            ("-Infinity", f64::NEG_INFINITY),
            ("1e999", f64::INFINITY),
        ] {
            assert_eq!(double(text), Ok(number), "{text:?}");
        }
        assert!(double("-NaN").unwrap().is_nan());
        for text in [
            "", " ", "-", ".", "1e", "e1", "--1", "+-1", "inf", "nan", "infinity", "1ff", "1 f", "1_0",
            "NaNd",
        ] {
            assert_eq!(double(text), Err(NotComparable), "{text:?}");
        }
    }

    #[test]
    fn doubles_have_javas_order() {
        let double = |number| Number::Double(number);
        assert_eq!(double(-0.0).compare(double(0.0)), Ordering::Less);
        assert_eq!(double(f64::NAN).compare(double(f64::INFINITY)), Ordering::Greater);
        assert_eq!(
            Number::Long(9_007_199_254_740_993).compare(double(9_007_199_254_740_992.0)),
            Ordering::Equal
        );
    }
}
