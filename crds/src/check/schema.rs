//! The structural schema: types, ranges, patterns, and fields that nobody knows.

use super::Problem;
use regex::Regex;
use serde_json::Value;

/// Adds everything in `value` that its schema refuses.
pub(super) fn check(schema: &Value, value: &Value, problems: &mut Vec<Problem>) {
    // The object's own fields are not in the schema.
    const ALWAYS: [&str; 3] = ["apiVersion", "kind", "metadata"];
    let mut root = value.clone();
    if let Some(fields) = root.as_object_mut() {
        ALWAYS.iter().for_each(|name| drop(fields.remove(*name)));
    }
    walk(schema, &root, "", problems);
}

fn walk(schema: &Value, value: &Value, at: &str, problems: &mut Vec<Problem>) {
    let mut bad = |message: String| problems.push(Problem { field: at.to_owned(), message });
    if value.is_null() {
        if schema["nullable"] != true {
            bad("must not be null".into());
        }
        return;
    }
    if schema["x-kubernetes-int-or-string"] == true {
        if !(value.is_string() || value.is_number()) {
            bad(format!("must be a number or a text, not {}", described(value)));
        }
        return;
    }
    let (expected, fits) = match schema["type"].as_str().unwrap_or_default() {
        "object" => ("an object", value.is_object()),
        "array" => ("a list", value.is_array()),
        "string" => ("a text", value.is_string()),
        "integer" => ("a whole number", value.is_i64() || value.is_u64()),
        "number" => ("a number", value.is_number()),
        "boolean" => ("true or false", value.is_boolean()),
        _ => ("", true),
    };
    if !fits {
        return bad(format!("must be {expected}, not {}", described(value)));
    }
    if let Some(values) = schema["enum"].as_array()
        && !values.contains(value)
    {
        let values: Vec<_> = values.iter().filter_map(Value::as_str).collect();
        bad(format!("must be one of {}, not {value}", values.join(", ")));
    }
    match value {
        Value::Number(number) => number_in_range(schema, number, &mut bad),
        Value::String(text) => text_fits(schema, text, &mut bad),
        Value::Array(items) => walk_list(schema, items, at, problems),
        Value::Object(fields) => walk_object(schema, fields, at, problems),
        _ => {}
    }
}

fn number_in_range(schema: &Value, number: &serde_json::Number, bad: &mut impl FnMut(String)) {
    let value = number.as_f64().unwrap_or_default();
    if let Some(minimum) = schema["minimum"].as_f64().filter(|minimum| value < *minimum) {
        bad(format!("must be at least {minimum}, not {number}"));
    }
    if let Some(maximum) = schema["maximum"].as_f64().filter(|maximum| value > *maximum) {
        bad(format!("must be at most {maximum}, not {number}"));
    }
    if schema["format"] == "int32" && number.as_i64().is_none_or(|number| i32::try_from(number).is_err()) {
        bad(format!("must fit 32 bits, not {number}"));
    }
}

fn text_fits(schema: &Value, text: &str, bad: &mut impl FnMut(String)) {
    length(schema, "Length", "characters", text.chars().count(), bad);
    if let Some(pattern) = schema["pattern"].as_str()
        && Regex::new(pattern).is_ok_and(|pattern| !pattern.is_match(text))
    {
        bad(format!("must match {pattern}, not {text:?}"));
    }
    if schema["format"] == "date-time" && text.parse::<k8s_openapi::jiff::Timestamp>().is_err() {
        bad(format!("must be a moment such as 2026-01-31T12:00:00Z, not {text:?}"));
    }
}

fn length(schema: &Value, of: &str, what: &str, length: usize, bad: &mut impl FnMut(String)) {
    let length = length as u64;
    if let Some(least) = schema[format!("min{of}")].as_u64().filter(|least| length < *least) {
        bad(format!("must have at least {least} {what}, not {length}"));
    }
    if let Some(most) = schema[format!("max{of}")].as_u64().filter(|most| length > *most) {
        bad(format!("must have at most {most} {what}, not {length}"));
    }
}

fn walk_list(schema: &Value, items: &[Value], at: &str, problems: &mut Vec<Problem>) {
    let mut bad = |message: String| problems.push(Problem { field: at.to_owned(), message });
    length(schema, "Items", "entries", items.len(), &mut bad);
    for (index, item) in items.iter().enumerate() {
        let at = format!("{at}[{index}]");
        if schema["x-kubernetes-list-type"] == "set" && items.iter().take(index).any(|before| before == item)
        {
            problems.push(Problem { field: at.clone(), message: format!("stands there twice: {item}") });
        }
        walk(&schema["items"], item, &at, problems);
    }
}

fn walk_object(
    schema: &Value,
    fields: &serde_json::Map<String, Value>,
    at: &str,
    problems: &mut Vec<Problem>,
) {
    let mut bad = |message: String| problems.push(Problem { field: at.to_owned(), message });
    length(schema, "Properties", "entries", fields.len(), &mut bad);
    let below = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            problems.push(Problem { field: below(name), message: "is missing".into() });
        }
    }
    let (known, any) = (schema["properties"].as_object(), &schema["additionalProperties"]);
    for (name, value) in fields {
        if let Some(schema) = known.and_then(|known| known.get(name)) {
            walk(schema, value, &below(name), problems);
        } else if any.is_object() {
            walk(any, value, &below(name), problems);
        } else if known.is_some() && schema["x-kubernetes-preserve-unknown-fields"] != true {
            let alike = known.into_iter().flat_map(|known| known.keys()).filter(|known| alike(known, name));
            // A letter is rather left out than put in.
            let nearest = alike.max_by_key(|known| known.len());
            let hint = nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default();
            problems.push(Problem { field: below(name), message: format!("there is no such field{hint}") });
        }
    }
}

/// Whether one may have been meant by the other: the same letters but for case, or one letter more, less or other, or two
/// that changed places.
fn alike(known: &str, given: &str) -> bool {
    let (known, given) = (known.to_lowercase(), given.to_lowercase());
    let (a, b): (Vec<_>, Vec<_>) = (known.chars().collect(), given.chars().collect());
    let same_start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let rest = (a.len() - same_start).min(b.len() - same_start);
    let same_end = a.iter().rev().zip(b.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[same_start..a.len() - same_end], &b[same_start..b.len() - same_end]);
    (a.len() <= 1 && b.len() <= 1) || (a.len() == 2 && b.len() == 2 && a[0] == b[1] && a[1] == b[0])
}

fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a broken number",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
