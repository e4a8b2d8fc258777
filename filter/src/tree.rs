//! What an expression is made of.
//!
//! Apache: `org.apache.rocketmq.filter.expression`. A [`Condition`] is what Apache calls a `BooleanExpression`, an
//! [`Operand`] is any expression.

use crate::value::Number;
use std::cmp::Ordering;

/// What is true, false or unknown of a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// `TRUE`, `FALSE`, `NULL`.
    Constant(Option<bool>),
    /// A property where a condition belongs. Properties are text, so it is never true: false when the message has it.
    Present(Box<str>),
    Not(Box<Condition>),
    /// Joined by `AND`.
    All(Box<[Condition]>),
    /// Joined by `OR`.
    Any(Box<[Condition]>),
    Equal(Box<[Operand; 2]>),
    Order(Order, Box<[Operand; 2]>),
    /// A value, the lowest and the highest that it may be.
    Between {
        not: bool,
        parts: Box<[Operand; 3]>,
    },
    IsNull(Box<Operand>),
    /// Whether a property is one of these values, which are sorted.
    In {
        not: bool,
        property: Box<str>,
        values: Box<[Box<str>]>,
    },
    Has {
        not: bool,
        place: Place,
        value: Box<Operand>,
        part: Box<str>,
    },
}

/// What can be compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    Number(Number),
    Text(Box<str>),
    Property(Box<str>),
    Negate(Box<Operand>),
    Condition(Box<Condition>),
}

impl From<Condition> for Operand {
    fn from(condition: Condition) -> Self {
        Self::Condition(Box::new(condition))
    }
}

impl Operand {
    /// As a condition; none for what can never be one.
    pub(crate) fn into_condition(self) -> Option<Condition> {
        match self {
            Self::Condition(condition) => Some(*condition),
            Self::Property(name) => Some(Condition::Present(name)),
            Self::Number(_) | Self::Text(_) | Self::Negate(_) => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Condition(condition) if **condition == Condition::Constant(None))
    }

    /// `TRUE`, `FALSE` or `NULL`.
    pub(crate) fn is_truth(&self) -> bool {
        matches!(self, Self::Condition(condition) if matches!(**condition, Condition::Constant(_)))
    }
}

/// How two values have to be ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    pub(crate) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// Where in a value a part is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Anywhere,
    Start,
    End,
}

impl Place {
    pub(crate) fn has(self, value: &str, part: &str) -> bool {
        match self {
            Self::Anywhere => value.contains(part),
            Self::Start => value.starts_with(part),
            Self::End => value.ends_with(part),
        }
    }
}
