//! The answer of an expression for one message.
//!
//! Apache: the `evaluate` methods of `org.apache.rocketmq.filter.expression`. Sides are evaluated left to right and no more
//! than needed, which matters since whatever is [`NotComparable`] ends the whole expression. Recursion goes no deeper than
//! the parser allows.

use crate::error::NotComparable;
use crate::tree::{Condition, Operand, Order};
use crate::value::Value;

type Answer = Result<Option<bool>, NotComparable>;

impl Condition {
    pub(crate) fn decide<'a>(&self, property: &impl Fn(&str) -> Option<&'a str>) -> Answer {
        match self {
            Self::Constant(truth) => Ok(*truth),
            Self::Present(name) => Ok(property(name).map(|_| false)),
            Self::Not(condition) => Ok(condition.decide(property)?.map(|truth| !truth)),
            Self::All(conditions) => until(false, conditions.iter().map(|c| c.decide(property))),
            Self::Any(conditions) => until(true, conditions.iter().map(|c| c.decide(property))),
            Self::Equal(sides) => {
                let [left, right] = &**sides;
                left.value(property)?.equals(right.value(property)?)
            }
            Self::Order(order, sides) => {
                let [left, right] = &**sides;
                ordered(left.value(property)?, *order, right, property)
            }
            Self::Between { not, parts } => {
                let [value, low, high] = &**parts;
                let value = value.value(property)?;
                let (from, to) = if *not {
                    (Order::Less, Order::Greater)
                } else {
                    (Order::GreaterOrEqual, Order::LessOrEqual)
                };
                let sides = [(from, low), (to, high)].into_iter();
                until(*not, sides.map(|(order, bound)| ordered(value, order, bound, property)))
            }
            Self::IsNull(operand) => Ok(Some(operand.value(property)? == Value::Null)),
            Self::In { not, property: name, values } => {
                let among = |value: &str| values.binary_search_by(|known| (**known).cmp(value)).is_ok();
                Ok(property(name).map(|value| among(value) != *not))
            }
            // False whatever is looked for in nothing, and wherever nothing is looked for; also for `NOT`.
            Self::Has { part, .. } if part.is_empty() => Ok(Some(false)),
            Self::Has { not, place, value, part } => Ok(Some(match value.value(property)? {
                Value::Text(value) => place.has(value, part) != *not,
                _ => false,
            })),
        }
    }
}

impl Operand {
    fn value<'v, 'a: 'v>(
        &'v self,
        property: &impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Value<'v>, NotComparable> {
        Ok(match self {
            Self::Number(number) => Value::Number(*number),
            Self::Text(text) => Value::Text(text),
            Self::Property(name) => property(name).map_or(Value::Null, Value::Text),
            Self::Negate(operand) => match operand.value(property)? {
                Value::Number(number) => Value::Number(number.negated()),
                _ => Value::Null,
            },
            Self::Condition(condition) => condition.decide(property)?.map_or(Value::Null, Value::Bool),
        })
    }
}

/// Asks for answers until one is `decisive`; without one an unknown answer makes the whole unknown.
fn until(decisive: bool, answers: impl Iterator<Item = Answer>) -> Answer {
    let mut whole = Some(!decisive);
    for answer in answers {
        match answer? {
            Some(truth) if truth == decisive => return Ok(Some(decisive)),
            Some(_) => {}
            None => whole = None,
        }
    }
    Ok(whole)
}

fn ordered<'a>(
    left: Value<'_>,
    order: Order,
    right: &Operand,
    property: &impl Fn(&str) -> Option<&'a str>,
) -> Answer {
    if left == Value::Null {
        return Ok(None);
    }
    match right.value(property)? {
        Value::Null => Ok(None),
        right => left.compare(right).map(|ordering| Some(order.holds(ordering))),
    }
}
