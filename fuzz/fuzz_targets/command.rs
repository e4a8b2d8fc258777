//! A byte stream: frames, both header encodings, and what is read is written back as it was.
#![no_main]

use bytes::BytesMut;
use gantry_remoting::{CommandBuf, frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    while let Ok(Some(found)) = frame::split(rest) {
        rest = &rest[found.len..];
        let Ok(command) = CommandBuf::decode(found) else { return };
        let mut again = BytesMut::new();
        command.encode(&mut again);
        if let Ok(Some(found)) = frame::split(&again) {
            let second = CommandBuf::decode(found).expect("what was written can be read");
            assert_eq!((second.code as i16, &second.ext, &second.body), (command.code as i16, &command.ext, &command.body));
        }
    }
});
