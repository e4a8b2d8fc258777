//! A stream of frames, cut into pieces anywhere: the same frames come out, and a lie about lengths is found no later.
#![no_main]

use gantry_fuzz::choices::Choices;
use gantry_remoting::frame::{FrameError, split};
use libfuzzer_sys::fuzz_target;

type Found = (u8, Vec<u8>, Vec<u8>);

fn whole(mut bytes: &[u8]) -> (Vec<Found>, Option<FrameError>, usize) {
    let (mut found, len) = (Vec::new(), bytes.len());
    loop {
        match split(bytes) {
            Ok(Some(frame)) => {
                found.push((frame.serialize_type, frame.header.to_vec(), frame.body.to_vec()));
                bytes = &bytes[frame.len..];
            }
            Ok(None) => return (found, None, len - bytes.len()),
            Err(error) => return (found, Some(error), len - bytes.len()),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices::new(bytes);
    let cuts: Vec<usize> = choices.some().iter().map(|byte| usize::from(*byte) + 1).collect();
    let stream = choices.rest();
    let (expected, error, _) = whole(stream);

    let (mut found, mut failed) = (Vec::new(), None);
    let (mut kept, mut rest, mut turn) = (Vec::new(), stream, 0);
    while !rest.is_empty() && failed.is_none() {
        let cut = cuts.get(turn % cuts.len().max(1)).copied().unwrap_or(1).min(rest.len());
        turn += 1;
        kept.extend_from_slice(&rest[..cut]);
        rest = &rest[cut..];
        let (some, error, used) = whole(&kept);
        found.extend(some);
        failed = error;
        kept.drain(..used);
    }
    assert_eq!((found, failed), (expected, error));
});
