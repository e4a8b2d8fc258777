//! Records of scales, as the log has them, and the states that they come to: whatever their order.
#![no_main]

use gantry_scaling::{Record, TopicScaling};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut state: TopicScaling = serde_json::from_slice(bytes).unwrap_or_default();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(record) = Record::from_bytes(line) {
            assert_eq!(Record::from_bytes(&record.to_bytes()).expect("what was written can be read"), record);
            let _ = record.event.moves_messages();
            state.apply(&record.event);
        }
    }
    let _ = (state.is_empty(), state.readable(), state.is_to_new(3), state.key_of("K\u{1}v\u{2}"));
    let written = serde_json::to_vec(&state).expect("a state can be written");
    let again: TopicScaling = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(serde_json::to_vec(&again).expect("a state can be written"), written);
});
