//! Names of topics and groups: what passes can stand in a path, and so can what is derived from it.
#![no_main]

use gantry_message::name;
use gantry_scaling::{KeyProperty, ScaleId};
use libfuzzer_sys::fuzz_target;
use std::path::{Component, Path};

fn check(text: &str) {
    assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"%|_-".contains(&b)), "{text:?}");
    assert!((1..=name::MAX_DERIVED_TOPIC_LEN).contains(&text.len()));
    let parts: Vec<_> = Path::new(text).components().collect();
    assert!(matches!(parts[..], [Component::Normal(_)]), "{text:?}");
}

fuzz_target!(|text: &str| {
    if name::check_topic(text).is_ok() {
        check(text);
        let _ = (name::is_system_topic(text), name::is_send_forbidden(text));
    }
    if name::check_group(text).is_ok() {
        check(text);
        let _ = name::is_system_group(text);
        for derived in [name::retry_topic(text), name::dlq_topic(text), name::pop_retry_topic(text, "T")] {
            if name::check_topic(&derived).is_ok() {
                check(&derived);
            }
        }
    }
    if let Some(id) = ScaleId::new(text) {
        assert_eq!(id.as_str(), text);
    }
    if let Some(key) = KeyProperty::new(text) {
        assert_eq!(key.as_str(), text);
    }
});
