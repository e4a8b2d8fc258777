//! The typed header fields of every request, from any header.
#![no_main]

use gantry_remoting::codec::Decoder;
use gantry_remoting::frame::Frame;
use gantry_remoting::header::*;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, header)) = bytes.split_first() else { return };
    let mut decoder = Decoder::default();
    let Ok(command) = decoder.decode(Frame { serialize_type: kind & 1, header, body: &[], len: 0 }) else { return };
    let fields = command.ext;
    let _ = SendMessageV2::from_fields(fields);
    let _ = SendMessage::from_fields(fields);
    let _ = ConsumerSendMsgBack::from_fields(fields);
    let _ = PullMessage::from_fields(fields);
    let _ = QueryMessage::from_fields(fields);
    let _ = QueryConsumerOffset::from_fields(fields);
    let _ = UpdateConsumerOffset::from_fields(fields);
    let _ = SearchOffset::from_fields(fields);
    let _ = RegisterBroker::from_fields(fields);
    let _ = CreateTopic::from_fields(fields);
    let _ = fields.find("topic");
});
