//! Batch bodies: what is read is written back byte for byte.
#![no_main]

use gantry_message::batch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut again = Vec::new();
    for element in batch::elements(bytes).flatten() {
        batch::push(&mut again, element);
    }
    let read: Vec<_> = batch::elements(&again).map(|element| element.expect("what was written can be read")).collect();
    assert_eq!(read.len(), batch::elements(bytes).flatten().count());
});
