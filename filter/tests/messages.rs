//! What the writer of an expression is told.

use gantry_filter::{Expression, ParseError};

#[test]
fn an_error_says_where_and_what_else() {
    for (text, message) in [
        ("", "column 1: found the end, expected a property, a value or ("),
        ("region = 'eu' AND", "column 18: found the end, expected a property, a value or ("),
        (
            "größe > 5",
            "column 3: found the character U+00F6, expected an operator, a property, a number or text in single quotes",
        ),
        (
            "ü = 1",
            "column 1: found the character U+00FC, expected an operator, a property, a number or text in single quotes",
        ),
        ("a = 'größe' & b = 1", "column 13: found &, expected AND"),
        ("a != 'x'", "column 3: found !, expected NOT or <>"),
        ("a == 'x'", "column 4: found =, expected a value; one = is enough"),
        ("a = \"x\"", "column 5: found \", expected text in single quotes"),
        ("a = 'x", "column 5: found ', expected a closing quote"),
        ("a = 'x' /* note", "column 9: found /, expected a comment from /* to */"),
        ("a NOT LIKE 'x'", "column 7: found LIKE, expected IN, BETWEEN, CONTAINS, STARTSWITH or ENDSWITH"),
        ("(a = 'x' b", "column 10: found b, expected an operator or )"),
        ("a = NULL", "column 5: found NULL, expected a value; only IS compares with NULL"),
        ("a IS 'x'", "column 6: found 'x', expected NULL or NOT NULL"),
        ("a > 'x'", "column 5: found 'x', expected a number or a property"),
        ("(a > 5) > 3", "column 1: found (a > 5), expected a number or a property"),
        ("a AND 5", "column 7: found 5, expected a comparison, which is true or false"),
        ("a IN (5)", "column 7: found 5, expected text in single quotes"),
        ("'x' IN ('x')", "column 1: found 'x', expected a property before IN"),
        ("a BETWEEN 9\nAND 1", "column 11: found 9 AND 1, expected the lower bound first"),
        ("a > 0.0", "column 5: found 0.0, expected a decimal above 0, up to 1.7976931348623157E308"),
        (
            "a > 9999999999999999999",
            "column 5: found 9999999999999999999, expected an integer up to 9223372036854775807",
        ),
    ] {
        let error = Expression::parse(text).unwrap_err();
        assert_eq!(error.to_string(), format!("filter expression, {message}"), "{text}");
    }
}

#[test]
fn long_text_is_cut() {
    let ParseError { found, .. } = Expression::parse(&format!("a > '{}'", "ü".repeat(100))).unwrap_err();
    assert_eq!(found, format!("'{}...", "ü".repeat(39)));
}

#[test]
fn text_after_the_expression_is_pointed_at() {
    let unread = |text: &str| Expression::parse(text).unwrap().unread();
    assert_eq!(unread("a = 'ü' b = 'y'"), Some(9));
    assert_eq!(unread("a LIKE 'x%'"), Some(3));
    assert_eq!(unread("a = 'x' -- no end of line"), Some(9));
    assert_eq!(unread("a = 'x' /* nothing */ "), None);
}
