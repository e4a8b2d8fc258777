//! Whether a live object already has everything that is asked for.

use serde_json::Value;

/// True when `live` has every field of `desired` with the same value. What else `live` has (defaults of the API server,
/// status, fields of other managers) does not count.
pub(crate) fn covers(live: &Value, desired: &Value) -> bool {
    match (live, desired) {
        (Value::Object(live), Value::Object(desired)) => {
            desired.iter().all(|(key, value)| match live.get(key) {
                Some(found) => covers(found, value),
                None => is_empty(value),
            })
        }
        (Value::Array(live), Value::Array(desired)) => {
            live.len() == desired.len()
                && live.iter().zip(desired).all(|(live, desired)| covers(live, desired))
        }
        (Value::String(live), Value::String(desired)) => live == desired || same_quantity(live, desired),
        (live, desired) => live == desired,
    }
}

/// The API server leaves out what is empty.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// The API server writes quantities in its own way: `0.5` as `500m`, `1024Mi` as `1Gi`.
fn same_quantity(a: &str, b: &str) -> bool {
    matches!((quantity(a), quantity(b)), (Some(a), Some(b)) if (a - b).abs() <= a.abs() * 1e-12)
}

/// The number that a Kubernetes quantity stands for.
pub(crate) fn quantity(text: &str) -> Option<f64> {
    let digits = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let number: f64 = number.parse().ok()?;
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024f64.powi(2),
        "Gi" => 1024f64.powi(3),
        "Ti" => 1024f64.powi(4),
        "Pi" => 1024f64.powi(5),
        "Ei" => 1024f64.powi(6),
        exponent => 10f64.powi(exponent.strip_prefix(['e', 'E'])?.parse().ok()?),
    };
    Some(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_others_add_does_not_count() {
        let desired =
            json!({"spec": {"ports": [{"port": 1}], "selector": {"a": "b"}, "extra": null, "none": {}}});
        let live = json!({"spec": {"ports": [{"port": 1, "nodePort": 3}], "selector": {"a": "b"}, "clusterIP": "x"}, "status": {}});
        assert!(covers(&live, &desired));
    }

    #[test]
    fn a_changed_field_counts() {
        assert!(!covers(&json!({"a": 1}), &json!({"a": 2})));
        assert!(!covers(&json!({"a": [1, 2]}), &json!({"a": [1]})));
        assert!(!covers(&json!({}), &json!({"a": 2})));
    }

    #[test]
    fn quantities_are_compared_by_what_they_stand_for() {
        for (a, b) in [("0.5", "500m"), ("1024Mi", "1Gi"), ("1e3", "1k"), ("2000m", "2")] {
            assert!(covers(&json!(a), &json!(b)), "{a} {b}");
        }
        assert!(!covers(&json!("1Gi"), &json!("1G")));
        assert!(!covers(&json!("v1"), &json!("v2")));
    }
}
