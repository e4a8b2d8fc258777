//! Small texts: property strings, ids, names, delay levels.
#![no_main]

use gantry_message::{delay::DelayLevels, hash, id, name, properties};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let pairs = properties::pairs(text).count();
    assert!(properties::pairs(&properties::without(text, |_| false)).count() <= pairs);
    let _ = properties::find(text, "KEYS");
    let _ = DelayLevels::parse(text);
    let _ = hash::tag_code(Some(text));
    if let Some((host, offset)) = id::parse_offset_id(text) {
        assert_eq!(id::parse_offset_id(&id::offset_id(host, offset)), Some((host, offset)));
    }
    if name::check_topic(text).is_ok() {
        assert!(!text.contains(['/', '.', '\\', '\0']), "a name can stand in a path");
    }
});
