//! JSON bodies with fastjson's quirks, and back.
#![no_main]

use gantry_remoting::body::*;
use gantry_remoting::fastjson::{from_slice, to_vec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = from_slice::<serde_json::Value>(bytes);
    if let Ok(heartbeat) = from_slice::<HeartbeatData>(bytes) {
        let again: HeartbeatData = from_slice(&to_vec(&heartbeat)).expect("what was written can be read");
        assert_eq!(again.client_id, heartbeat.client_id);
    }
    if let Ok(route) = from_slice::<TopicRoute>(bytes) {
        assert_eq!(from_slice::<TopicRoute>(&to_vec(&route)).expect("what was written can be read"), route);
    }
    let _ = from_slice::<LockBatchRequest>(bytes);
    let _ = from_slice::<QueueMap<i64>>(bytes);
    let _ = from_slice::<TopicConfigTable>(bytes);
    let _ = from_slice::<SubscriptionGroupTable>(bytes);
});
