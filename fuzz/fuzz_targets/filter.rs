//! A filter expression, and a message to ask it about: the first line is the expression, the others are properties.
#![no_main]

use gantry_filter::{Expression, MAX_LEN};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (expression, properties) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(parsed) = Expression::parse(expression) else { return };
    assert!(expression.len() <= MAX_LEN);
    assert!(parsed.unread().is_none_or(|column| column >= 1));
    let property = |name: &str| {
        properties.lines().filter_map(|line| line.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let answer = parsed.evaluate(property);
    assert_eq!(parsed.matches(property), answer == Ok(Some(true)));
    let _ = parsed.evaluate(|_| None);
    let _ = parsed.evaluate(|_| Some(properties));
});
