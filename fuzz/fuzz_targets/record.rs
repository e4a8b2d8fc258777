//! Message records: what is read is written back byte for byte.
#![no_main]

use gantry_message::record::{Record, records};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for record in records(bytes) {
        let _ = record;
    }
    if let Ok((record, len)) = Record::read(bytes) {
        let _ = record.check_crc();
        let again = record.to_vec();
        let (second, _) = Record::read(&again).expect("what was written can be read");
        assert_eq!((second.body, second.topic, second.properties), (record.body, record.topic, record.properties));
        assert!(again.len() <= len + 24, "only the hosts' and the topic's encoding may differ");
    }
});
