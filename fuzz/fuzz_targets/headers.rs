//! The typed header fields of every request, from any header, and back.
#![no_main]

use gantry_remoting::codec::Decoder;
use gantry_remoting::command::ExtFields;
use gantry_remoting::frame::Frame;
use gantry_remoting::header::*;
use libfuzzer_sys::fuzz_target;

macro_rules! read_each {
    ($fields:ident: $($header:ident)*) => { $(again($header::from_fields($fields));)* };
}

/// What was read can be written.
fn again<T: ToFields>(header: Result<T, HeaderError>) {
    if let Ok(header) = header {
        header.to_fields(&mut |_, _| {});
    }
}

fn read(fields: ExtFields<'_>) {
    read_each!(fields: AckMessage BeginScale BrokerIdentity BrokerMemberGroup BrokerName ChangeInvisibleTime CheckTransactionState
        CloneGroupOffset ClusterName ConsumeMessageDirectly ConsumerGroup ConsumerRunningInfo ConsumerSendMsgBack ConsumerStatus
        CreateTopic DeleteSubscriptionGroup DeleteTopicInNamesrv EndTransaction GetConsumeStats GetRouteInfo GroupName GroupTopic
        KvConfig KvNamespace Notification NotifyConsumerIdsChanged PopMessage ProducerGroup PullMessage PushReplyMessage
        PutKvConfig QueryConsumeQueue QueryConsumerOffset QueryMessage QueueBound RecallMessage RegisterBroker RegisterTopic
        ResetOffset ResumeCheckHalf ScaleRef SearchOffset SendMessage SendMessageV2 TopicName UnregisterClient
        UpdateConsumerOffset ViewBrokerStats ViewMessage);
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, header)) = bytes.split_first() else { return };
    let mut decoder = Decoder::default();
    let Ok(command) = decoder.decode(Frame { serialize_type: kind & 1, header, body: &[], len: 0 }) else { return };
    read(command.ext);
    let _ = command.ext.find("topic");
});
