//! Apache's answers are ours.

use gantry_filter::{Expression, NotComparable};

const ANSWERS: &str = include_str!("apache.tsv");

/// `text` with its escapes read; none when one is wrong.
fn unescaped(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        plain.push_str(before);
        let (character, after) = match escape.split_at_checked(1)? {
            ("t", after) => ('\t', after),
            ("n", after) => ('\n', after),
            ("r", after) => ('\r', after),
            ("f", after) => ('\u{c}', after),
            ("u", after) => {
                let (hex, after) = after.strip_prefix('{')?.split_once('}')?;
                (char::from_u32(u32::from_str_radix(hex, 16).ok()?)?, after)
            }
            _ => return None,
        };
        plain.push(character);
        rest = after;
    }
    Some(plain + rest)
}

#[test]
fn every_answer_is_apaches() {
    let mut rows = 0;
    for (line, row) in (1..).zip(ANSWERS.lines()) {
        if row.is_empty() || row.starts_with('#') {
            continue;
        }
        let mut fields = row.split('\t').map(|field| unescaped(field).unwrap());
        let (answer, text) = (fields.next().unwrap(), fields.next().unwrap());
        let properties: Vec<(String, String)> = fields
            .map(|pair| {
                pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap()
            })
            .collect();
        let property =
            |name: &str| properties.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let expression = Expression::parse(&text);
        let ours = match &expression {
            Err(_) => "refused",
            Ok(expression) => match expression.evaluate(property) {
                Ok(Some(true)) => "true",
                Ok(Some(false)) => "false",
                Ok(None) => "null",
                Err(NotComparable) => "failed",
            },
        };
        assert_eq!(ours, answer, "line {line}: {row}, read as {expression:?}");
        assert_eq!(
            expression.is_ok_and(|expression| expression.matches(property)),
            answer == "true",
            "{row}"
        );
        rows += 1;
    }
    assert_eq!(rows, 350);
}

/// Of all three Apache says that they match.
#[test]
fn ways_to_write_a_number_that_only_java_knows() {
    for (text, value) in [("a > 5.5", "0x1p3"), ("a = 5", "\u{665}"), ("a = 5L", "\u{ff15}")] {
        assert_eq!(Expression::parse(text).unwrap().evaluate(|_| Some(value)), Err(NotComparable), "{text}");
    }
}
