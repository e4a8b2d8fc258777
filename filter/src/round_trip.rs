//! An expression written from a tree is read as the same tree.

use crate::parser::parse;
use crate::tree::{Condition, Operand, Order, Place};
use crate::value::Number;
use proptest::prelude::*;
use proptest::{collection, option, strategy::Union};

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn write_operand(operand: &Operand) -> String {
    match operand {
        Operand::Number(Number::Integer(number)) => number.to_string(),
        Operand::Number(Number::Long(number)) => format!("{number}L"),
        Operand::Number(Number::Double(number)) => format!("{number:e}"),
        Operand::Text(text) => quoted(text),
        Operand::Property(name) => name.to_string(),
        Operand::Negate(operand) => format!("-({})", write_operand(operand)),
        Operand::Condition(condition) => write(condition),
    }
}

fn joined(conditions: &[Condition], word: &str) -> String {
    let conditions: Vec<String> = conditions.iter().map(write).collect();
    format!("({})", conditions.join(word))
}

fn write(condition: &Condition) -> String {
    let not = |not: &bool| if *not { "not " } else { "" };
    match condition {
        Condition::Constant(None) => String::from("NULL"),
        Condition::Constant(Some(truth)) => truth.to_string(),
        Condition::Present(name) => name.to_string(),
        Condition::Not(condition) => format!("(NOT {})", write(condition)),
        Condition::All(conditions) => joined(conditions, " and "),
        Condition::Any(conditions) => joined(conditions, " Or "),
        Condition::Equal(sides) => format!("({}={})", write_operand(&sides[0]), write_operand(&sides[1])),
        Condition::Order(order, sides) => {
            let sign = match order {
                Order::Less => "<",
                Order::LessOrEqual => "<=",
                Order::Greater => ">",
                Order::GreaterOrEqual => ">=",
            };
            format!("({}{sign}{})", write_operand(&sides[0]), write_operand(&sides[1]))
        }
        Condition::Between { not: negated, parts } => {
            let [value, low, high] = parts.each_ref().map(write_operand);
            format!("({value} {}BETWEEN {low} AND\n{high})", not(negated))
        }
        Condition::IsNull(operand) => format!("({} IS NULL)", write_operand(operand)),
        Condition::In { not: negated, property, values } => {
            let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            format!("({property} {}IN ({}))", not(negated), values.join(", "))
        }
        Condition::Has { not: negated, place, value, part } => {
            let word = match place {
                Place::Anywhere => "CONTAINS",
                Place::Start => "STARTSWITH",
                Place::End => "ENDSWITH",
            };
            format!("({} {}{word}/* part */{})", write_operand(value), not(negated), quoted(part))
        }
    }
}

fn name() -> impl Strategy<Value = Box<str>> {
    "[a-z_$][A-Z0-9_$]{0,5}1".prop_map(Box::from)
}

fn words() -> impl Strategy<Value = Box<str>> {
    "\\PC{0,6}|['a]{0,4}".prop_map(Box::from)
}

/// Literals have no sign, and are as small a class as they fit.
fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        (0..=i32::MAX).prop_map(Number::Integer),
        (i64::from(i32::MAX) + 1..=i64::MAX).prop_map(Number::Long),
        (f64::MIN_POSITIVE..f64::MAX).prop_map(Number::Double),
        (0.001..1000.0).prop_map(Number::Double),
    ]
}

/// Operands that have an order.
fn quantity(condition: BoxedStrategy<Condition>) -> BoxedStrategy<Operand> {
    prop_oneof![
        number().prop_map(Operand::Number),
        name().prop_map(Operand::Property),
        number().prop_map(|number| Operand::Negate(Box::new(Operand::Number(number)))),
        condition
            .prop_filter("a name in brackets is a property", |c| !matches!(c, Condition::Present(_)))
            .prop_map(|condition| Operand::Negate(Box::new(condition.into()))),
    ]
    .boxed()
}

fn operand(condition: BoxedStrategy<Condition>) -> BoxedStrategy<Operand> {
    let plain = condition
        .clone()
        .prop_filter("a name in brackets is a property", |c| !matches!(c, Condition::Present(_)))
        .prop_map(Operand::from);
    Union::new([quantity(condition), words().prop_map(Operand::Text).boxed(), plain.boxed()]).boxed()
}

/// Whether the parser takes the condition: constants are not compared in every way.
fn allowed(condition: &Condition) -> bool {
    match condition {
        Condition::Equal(sides) => {
            let [left, right] = &**sides;
            let literal = matches!(right, Operand::Number(_) | Operand::Text(_));
            let refused = left.is_null() || right.is_null() || (left.is_truth() && literal);
            !refused
        }
        Condition::Between { not, parts } => match &**parts {
            [_, Operand::Number(low), Operand::Number(high)] => *not || low.compare(*high).is_le(),
            _ => true,
        },
        _ => true,
    }
}

fn condition() -> impl Strategy<Value = Condition> {
    let values = collection::btree_set(words(), 1..8);
    let leaf = prop_oneof![
        option::of(any::<bool>()).prop_map(Condition::Constant),
        name().prop_map(Condition::Present),
        (any::<bool>(), name(), values).prop_map(|(not, property, values)| Condition::In {
            not,
            property,
            values: values.into_iter().collect()
        }),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let order = || {
            prop::sample::select(vec![Order::Less, Order::LessOrEqual, Order::Greater, Order::GreaterOrEqual])
        };
        let place = prop::sample::select(vec![Place::Anywhere, Place::Start, Place::End]);
        let several = collection::vec(inner.clone(), 2..4);
        let (any_operand, any_quantity) = (operand(inner.clone()), quantity(inner.clone()));
        prop_oneof![
            inner.prop_map(|c| Condition::Not(Box::new(c))),
            several.clone().prop_map(|c| Condition::All(c.into())),
            several.prop_map(|c| Condition::Any(c.into())),
            [any_operand.clone(), any_operand.clone()].prop_map(|sides| Condition::Equal(Box::new(sides))),
            (order(), [any_quantity.clone(), any_quantity.clone()])
                .prop_map(|(order, sides)| Condition::Order(order, Box::new(sides))),
            (any::<bool>(), [any_quantity.clone(), any_quantity.clone(), any_quantity])
                .prop_map(|(not, parts)| Condition::Between { not, parts: Box::new(parts) }),
            any_operand.clone().prop_map(|operand| Condition::IsNull(Box::new(operand))),
            (any::<bool>(), place, any_operand, words()).prop_map(|(not, place, value, part)| {
                Condition::Has { not, place, value: Box::new(value), part }
            }),
        ]
        .prop_filter("not compared so", allowed)
    })
}

proptest! {
    #[test]
    fn what_is_written_from_a_tree_is_read_as_it(tree in condition()) {
        prop_assert_eq!(parse(&write(&tree)), Ok((tree, None)));
    }
}
