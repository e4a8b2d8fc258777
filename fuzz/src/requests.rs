//! Requests that are nearly right: known codes, known fields, values that once worked, and bytes of the fuzzer between them.

use crate::choices::Choices;
use bytes::BytesMut;
use gantry_remoting::command::SerializeType;
use gantry_remoting::{CommandBuf, RequestCode};
use std::borrow::Cow;

/// Every code that a broker or a name server knows, and some that none does.
pub const CODES: [i32; 96] = [
    310, 10, 320, 11, 361, 12, 14, 15, 17, 18, 21, 25, 26, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 46, 100, 101,
    102, 103, 104, 105, 106, 200, 201, 202, 203, 204, 205, 206, 207, 208, 215, 216, 217, 219, 220, 221, 222, 223, 224, 225, 300,
    303, 304, 305, 306, 307, 309, 314, 315, 316, 317, 318, 319, 321, 322, 323, 324, 325, 326, 327, 328, 329, 343, 345, 351, 352,
    370, 400, 401, 901, 904, 907, 3001, 200_050, 200_051, 200_053, 200_054, 200_151, 71_001, 71_002, 71_004,
];

const FIELDS: [&str; 96] = [
    "topic", "consumerGroup", "queueId", "queueOffset", "maxMsgNums", "sysFlag", "commitOffset", "suspendTimeoutMillis",
    "subscription", "subVersion", "expressionType", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n",
    "producerGroup", "defaultTopic", "defaultTopicQueueNums", "bornTimestamp", "flag", "properties", "reconsumeTimes", "unitMode",
    "maxReconsumeTimes", "batch", "bname", "offset", "group", "delayLevel", "originMsgId", "originTopic", "recallHandle",
    "tranStateTableOffset", "commitLogOffset", "commitOrRollback", "fromTransactionCheck", "msgId", "transactionId", "invisibleTime",
    "pollTime", "bornTime", "initMode", "expType", "exp", "order", "attemptId", "extraInfo", "timestamp", "boundaryType", "isForce",
    "index", "count", "key", "maxNum", "beginTimestamp", "endTimestamp", "_UNIQUE_KEY_QUERY", "indexType", "clientID", "clientId",
    "readQueueNums", "writeQueueNums", "perm", "topicFilterType", "topicSysFlag", "attributes", "groupName", "cleanOffset",
    "srcGroup", "destGroup", "offline", "statsName", "statsKey", "namespace", "value", "brokerName", "brokerAddr", "clusterName",
    "haServerAddr", "brokerId", "compressed", "cluster", "scaleId", "from", "to", "settleMillis",
];

const VALUES: [&str; 60] = [
    "T", "g", "0", "1", "-1", "true", "false", "4", "3", "64", "9223372036854775807", "-9223372036854775808", "2147483647",
    "-2147483648", "", "%RETRY%g", "%DLQ%g", "%SYS%g", "TBW102", "SCHEDULE_TOPIC_XXXX", "rmq_sys_wheel_timer",
    "RMQ_SYS_TRANS_HALF_TOPIC", "../../x", "a/b", "a b", "\0", "U", "g2", "TAG", "SQL92", "*", "a = 'b'", "a BETWEEN 1 AND 5 OR b IS NULL",
    "KEYS\u{1}k\u{2}TAGS\u{1}t\u{2}", "DELAY\u{1}1\u{2}", "TIMER_DELAY_MS\u{1}50\u{2}UNIQ_KEY\u{1}u\u{2}", "TRAN_MSG\u{1}true\u{2}PGROUP\u{1}g\u{2}UNIQ_KEY\u{1}x\u{2}",
    "0 0 1700000000000 60000 0 0 b 0 0", "0 1700000000000 60000 0 0 b 0 0", "+message.type=FIFO,-x", "+gantry.order.key=K", "AVG",
    "c1", "s1", "b", "DefaultCluster", "127.0.0.1:10911", "[::1]:1", "7F00000100002A9F0000000000000000", "8", "12", "2", "16", "100",
    "1000", "65536", "UPPER", "LOWER", "ORDER_TOPIC_CONFIG", "TOPIC_PUT_NUMS",
];

const BODIES: [&str; 28] = [
    "", "x", "{}", "null", "[]",
    r#"{"clientID":"c1","producerDataSet":[{"groupName":"g"}],"consumerDataSet":[{"groupName":"g","consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","subscriptionDataSet":[{"topic":"T","subString":"*","subVersion":1}]}]}"#,
    r#"{"clientID":"c1","consumerDataSet":[{"groupName":"../g","subscriptionDataSet":[{"topic":"../T","subString":"a > 5","expressionType":"SQL92"}]}]}"#,
    r#"{"consumerGroup":"g","clientId":"c1","mqSet":[{"brokerName":"b","queueId":0,"topic":"T"},{"brokerName":"b","queueId":2147483647,"topic":"../x"}]}"#,
    r#"{"topicConfigList":[{"topicName":"U","readQueueNums":4,"writeQueueNums":4,"perm":6},{"topicName":"../x"}]}"#,
    r#"{"topicConfigList":[{"topicName":"V","readQueueNums":4,"writeQueueNums":4,"perm":6,"attributes":{"cleanup.policy":"DELETE"}}]}"#,
    r#"{"groupName":"g2","retryQueueNums":1,"retryMaxTimes":2147483647,"groupRetryPolicy":{"type":"EXPONENTIAL"}}"#,
    r#"{"groupConfigList":[{"groupName":"g3"},{"groupName":"g4","retryQueueNums":-5}]}"#,
    r#"{"subscriptionData":{"topic":"T","subString":"a IN ('x')","expressionType":"SQL92"}}"#,
    r#"{"topic":"T","consumerGroup":"g","clientId":"c1","strategyName":"AVG","messageModel":"CLUSTERING"}"#,
    r#"{"topic":"T","consumerGroup":"g","mode":"POP","popShareQueueNum":2147483647}"#,
    r#"{"brokerName":"b","acks":[{"c":"g","t":"T","r":"0","so":0,"q":0,"rq":0,"pt":1700000000000,"it":60000,"b":"Aw=="}]}"#,
    r#"{"brokerName":"b","acks":[{"c":"g","t":"T","r":"1","so":9223372036854775807,"q":-1,"rq":999,"pt":-9223372036854775808,"it":9223372036854775807,"b":"/////w=="}]}"#,
    r#"{"topicConfigSerializeWrapper":{"dataVersion":{"counter":1,"stateVersion":0,"timestamp":1},"topicConfigTable":{"T":{"topicName":"T","readQueueNums":4,"writeQueueNums":4,"perm":6}}}}"#,
    r#"{"queueDatas":[{"brokerName":"b","perm":6,"readQueueNums":4,"writeQueueNums":4}]}"#,
    r#"{"counter":1,"stateVersion":0,"timestamp":1}"#,
    "brokerPermission=6\n", "maxMessageSize=4194304\nautoCreateTopicEnable=true\n", "orderMessageEnable=true\n", "listenPort=1",
    "\0\0\0\u{16}\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    "\0\0\0\u{18}\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\u{1}x\0\u{1}y",
    "{{\"brokerName\":\"b\",\"queueId\":0,\"topic\":\"T\"}:5}",
    r#"{"a":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}"#,
];

/// The next request. Answers are wanted of all, so that each can be waited for.
pub fn next(choices: &mut Choices<'_>, opaque: i32) -> CommandBuf {
    let code = choices.of(&CODES);
    let fields = choices.byte() % 16;
    let mut command = CommandBuf { opaque, ..CommandBuf::request(RequestCode(code)) };
    if code < 32_768 && choices.byte() % 4 == 0 {
        command.serialize_type = SerializeType::Binary;
    }
    for _ in 0..fields {
        let name = choices.of(&FIELDS);
        let value = value(choices);
        command.ext.push((Cow::Borrowed(name), value));
    }
    command.body = match choices.byte() {
        255 => choices.some().to_vec().into(),
        n => BODIES[usize::from(n) % BODIES.len()].as_bytes().to_vec().into(),
    };
    command
}

fn value(choices: &mut Choices<'_>) -> String {
    match choices.byte() {
        254 => String::from_utf8_lossy(choices.some()).into_owned(),
        253 => (i64::from(choices.number() as i32)).to_string(),
        n => VALUES[usize::from(n) % VALUES.len()].to_owned(),
    }
}

/// Several requests as the bytes of one connection, and how many there are.
#[must_use]
pub fn encoded(choices: &mut Choices<'_>, most: i32) -> (BytesMut, i32) {
    let (mut bytes, mut count) = (BytesMut::new(), 0);
    while count < most && !choices.is_empty() {
        count += 1;
        next(choices, count).encode(&mut bytes);
    }
    (bytes, count)
}
