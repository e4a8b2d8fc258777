//! Bad expressions cost little and end in an error, never in a panic.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use gantry_filter::{Expression, MAX_DEPTH, MAX_LEN};
use proptest::prelude::*;
use std::time::{Duration, Instant};

const PIECES: [&str; 44] = [
    "a",
    "b",
    "5",
    "5.5",
    ".",
    "1e",
    "L",
    "'x'",
    "'",
    "''",
    "(",
    ")",
    ",",
    "=",
    "<>",
    "<",
    ">",
    ">=",
    "!=",
    "+",
    "-",
    "--",
    "/*",
    "*/",
    "\n",
    "NOT",
    "and",
    "OR",
    "In",
    "IN",
    "BETWEEN",
    "IS",
    "NULL",
    "TRUE",
    "FALSE",
    "CONTAINS",
    "STARTSWITH",
    "ENDSWITH",
    "é",
    "\u{0}",
    "😀",
    "999999999999999999999",
    "1e999",
    " ",
];

fn ask(text: &str, property: &str) {
    if let Ok(expression) = Expression::parse(text) {
        let _ = expression.matches(|name| (name != "b").then_some(property));
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*", property in "\\PC*") {
        ask(&text, &property);
    }

    #[test]
    fn any_tokens_are_read_or_refused(
        pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..20),
        separator in prop::sample::select(vec!["", " "]),
        property in "\\PC*|-?[0-9]{1,20}|[0-9.eE+-]{1,8}[fd]?",
    ) {
        ask(&pieces.join(separator), &property);
    }
}

/// In a thread with as little stack as any has that serves requests.
fn with_little_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(1 << 20).spawn(test).unwrap().join().unwrap();
}

#[test]
fn nesting_is_bounded() {
    with_little_stack(|| {
        for (open, inner, close) in [
            ("(", "a = 'x'", ")"),
            ("NOT ", "a", ""),
            ("NOT (", "a = 'x'", ")"),
            ("- ", "1 = a", ""),
            ("+", "1 = a", ""),
        ] {
            let nested = |levels: usize| format!("{}{inner}{}", open.repeat(levels), close.repeat(levels));
            let deepest = MAX_DEPTH / 2 - 2;
            assert!(Expression::parse(&nested(deepest)).is_ok(), "{open}");
            for levels in [MAX_DEPTH + 1, 10_000] {
                let error = Expression::parse(&nested(levels)).unwrap_err();
                assert!(error.found.contains("levels"), "{open} {error}");
            }
        }
        let deepest = format!("{}a = 'x'{}", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH));
        assert!(Expression::parse(&deepest).unwrap().matches(|_| Some("x")));
    });
}

#[test]
fn operators_in_a_row_are_bounded_as_brackets_are() {
    with_little_stack(|| {
        for link in [" IS NULL", " = b", " <> b", " CONTAINS 'x'"] {
            let chain = |links: usize| format!("a{}", link.repeat(links));
            let expression = Expression::parse(&chain(MAX_DEPTH / 2 - 1)).unwrap();
            let copy = expression.clone();
            assert_eq!(expression.evaluate(|_| Some("x")), copy.evaluate(|_| Some("x")));
            assert!(Expression::parse(&chain(6_000)).is_err());
        }
        // Nested one in the other they would take 2^60 steps if each were evaluated for both of its bounds.
        let nested = (0..60).fold(String::from("a"), |value, _| format!("-({value} BETWEEN 1 AND 2)"));
        let expression = Expression::parse(&format!("{nested} IS NULL")).unwrap();
        assert!(expression.matches(|_| Some("1")));
    });
}

#[test]
fn many_conditions_side_by_side_are_one_level() {
    with_little_stack(|| {
        let many = vec!["a = 'x'"; MAX_LEN / 11].join(" OR ");
        let expression = Expression::parse(&many).unwrap();
        assert!(expression.matches(|_| Some("x")) && !expression.matches(|_| Some("y")));
    });
}

#[test]
fn an_expression_has_a_greatest_length() {
    let filled = |len: usize| format!("a = '{}'", "x".repeat(len - 6));
    assert!(Expression::parse(&filled(MAX_LEN)).is_ok());
    let error = Expression::parse(&filled(MAX_LEN + 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "filter expression, column 1: found an expression of 65537 bytes, expected no more than 65536"
    );
}

#[test]
fn the_longest_bad_expressions_take_no_time() {
    let started = Instant::now();
    for piece in [
        "(",
        "-",
        "--",
        "a = --5 AND ",
        "a = - -5 OR ",
        "/*",
        "'",
        "''",
        "a/**/",
        "NOT ",
        "0",
        "a = 'x' OR ",
        "a IN ('",
    ] {
        ask(&piece.repeat(MAX_LEN / piece.len()), "x");
    }
    // A few milliseconds; the bound only tells them from what grows with the square of the length.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}
