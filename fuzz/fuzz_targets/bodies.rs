//! Every JSON body that a broker, a name server or a tool of ours reads, with fastjson's quirks, and back.
#![no_main]

use gantry_remoting::body::*;
use gantry_remoting::fastjson::{from_slice, to_vec};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// What was written can be read, and says the same.
fn again<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) {
    if let Ok(body) = from_slice::<T>(bytes) {
        let written = to_vec(&body);
        match from_slice::<T>(&written) {
            Ok(read) => assert_eq!(to_vec(&read), written),
            // A text key that looks like an object is written as one.
            Err(error) => assert!(written.windows(2).any(|two| two == b"{{" || two == b",{"), "{error}"),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let _ = from_slice::<serde_json::Value>(bytes);
    let _ = from_slice::<HeartbeatData>(bytes);
    again::<LockBatchRequest>(bytes);
    again::<LockBatchResponse>(bytes);
    again::<TopicConfig>(bytes);
    again::<TopicConfigTable>(bytes);
    again::<TopicConfigList>(bytes);
    again::<TopicList>(bytes);
    again::<SubscriptionGroupConfig>(bytes);
    again::<SubscriptionGroupTable>(bytes);
    again::<GroupList>(bytes);
    again::<ConsumerIdList>(bytes);
    again::<BatchAckRequest>(bytes);
    again::<SetRequestMode>(bytes);
    again::<QueryAssignmentRequest>(bytes);
    again::<Assignments>(bytes);
    again::<TopicRoute>(bytes);
    again::<ClusterInfo>(bytes);
    again::<BrokerMemberGroupBody>(bytes);
    again::<DataVersion>(bytes);
    again::<RegisterBrokerBody>(bytes);
    again::<TopicStatsTable>(bytes);
    again::<ConsumeStats>(bytes);
    again::<KvTable>(bytes);
    again::<ProducerTable>(bytes);
    again::<TopicScalingBody>(bytes);
    let _ = from_slice::<ConsumerConnection>(bytes);
    let _ = from_slice::<QueueMap<i64>>(bytes);
});
