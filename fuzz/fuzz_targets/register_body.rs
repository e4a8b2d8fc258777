//! The body of a broker's registration, plain and inflated.
#![no_main]

use gantry_remoting::body::RegisterBrokerBody;
use gantry_remoting::compression::Compression;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = RegisterBrokerBody::decode(bytes, 20, false, 0);
    let _ = RegisterBrokerBody::decode(bytes, 475, false, 0);
    if let Ok(compressed) = Compression::Zlib.compress(bytes) {
        let _ = RegisterBrokerBody::decode(&compressed, 475, true, 0);
    }
});
