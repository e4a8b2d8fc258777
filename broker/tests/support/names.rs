//! Names that mean harm, and which field of which request carries one: for brokers and name servers alike.

use gantry_remoting::{CommandBuf, RequestCode};
use std::path::Path;

/// What becomes of a bad name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// The request is refused.
    Refused,
    /// It may be answered, for this reason.
    Harmless(&'static str),
}

/// No topic, group, broker or cluster may be called so.
pub fn bad_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "",
        " ",
        "../../x",
        "..",
        "a/b",
        "/tmp/gantry-must-not-be",
        "a\\b",
        "C:\\x",
        "a b",
        "a\0b",
        "a\nb",
        "a\r\nInjected: yes",
        "\u{1}",
        "\u{feff}T",
        "\u{202e}T",
        // Cyrillic, full width, a ligature, a combining accent.
        "\u{422}",
        "\u{ff34}opic",
        "\u{fb01}",
        "e\u{301}",
        "%RETRY%../../x",
        "%DLQ%a/b",
        "%SYS%a b",
        "a,b",
        "a@b",
        "a#b",
        "a;rm -rf .",
        "$(id)",
        "`id`",
        "{\"a\":1}",
    ]
    .map(str::to_owned)
    .to_vec();
    names.extend(["x".repeat(256), "%RETRY%".to_owned() + &"g".repeat(300), "y".repeat(20_000)]);
    names
}

/// Names that may be, and play with what the system reserves for itself.
pub const TRICKY: [&str; 9] = [
    "%RETRY%",
    "%DLQ%",
    "%SYS%x",
    "%RETRY%%RETRY%g",
    "%DLQ%%RETRY%g",
    "TBW102",
    "SCHEDULE_TOPIC_XXXX",
    "rmq_sys_gantry_pops",
    "CID_RMQ_SYS_x",
];

/// A value for every field that any request reads, good as far as one value can be.
pub const GOOD: &[(&str, &str)] = &[
    ("topic", "T"),
    ("consumerGroup", "g"),
    ("producerGroup", "p"),
    ("group", "g"),
    ("groupName", "none"),
    ("srcGroup", "g"),
    ("destGroup", "g2"),
    ("clientID", "c"),
    ("clientId", "c"),
    ("defaultTopic", "TBW102"),
    ("originTopic", "T"),
    ("bname", "b"),
    ("brokerName", "b"),
    ("brokerAddr", "10.0.0.1:10911"),
    ("clusterName", "C"),
    ("cluster", "C"),
    ("haServerAddr", "10.0.0.1:10912"),
    ("externalAddr", "10.0.0.1:10913"),
    ("namespace", "n"),
    ("key", "k"),
    ("value", "v"),
    ("scaleId", "s"),
    ("statsName", "TOPIC_PUT_NUMS"),
    ("statsKey", "T"),
    ("attemptId", "a"),
    ("recallHandle", "r"),
    ("extraInfo", "0 0 0 0 0 0 b 0 0"),
    ("msgId", "7F00000100002A9F0000000000000000"),
    ("offset", "0"),
    ("queueId", "0"),
    ("queueOffset", "0"),
    ("commitOffset", "0"),
    ("maxMsgNums", "1"),
    ("maxNum", "1"),
    ("sysFlag", "4"),
    ("subscription", "*"),
    ("suspendTimeoutMillis", "0"),
    ("subVersion", "0"),
    ("delayLevel", "1"),
    ("timestamp", "0"),
    ("index", "0"),
    ("count", "1"),
    ("readQueueNums", "1"),
    ("writeQueueNums", "1"),
    ("perm", "6"),
    ("brokerId", "0"),
    ("beginTimestamp", "0"),
    ("endTimestamp", "9223372036854775807"),
    ("tranStateTableOffset", "0"),
    ("commitLogOffset", "0"),
    ("commitOrRollback", "8"),
    ("invisibleTime", "60000"),
    ("pollTime", "0"),
    ("bornTime", "0"),
    ("initMode", "0"),
    ("from", "4"),
    ("to", "8"),
    ("defaultTopicQueueNums", "1"),
    ("bornTimestamp", "1"),
    ("flag", "0"),
    ("a", "p"),
    ("b", "T"),
    ("c", "TBW102"),
    ("d", "1"),
    ("e", "0"),
    ("f", "0"),
    ("g", "1"),
    ("h", "0"),
    ("n", "b"),
];

/// The body that `code` wants, with `name` where it carries the name called `field`.
pub fn body(code: RequestCode, field: &str, name: &str) -> Option<String> {
    let value = |of: &str, good: &str| serde_json::json!(if of == field { name } else { good });
    let (topic, group, client) = (value("topic", "T"), value("group", "g"), value("client", "c"));
    let (broker, filter_type) = (value("broker", "b"), value("filterType", "SINGLE_TAG"));
    Some(match code {
        RequestCode::HEART_BEAT => format!(
            r#"{{"clientID":{client},"producerDataSet":[{{"groupName":{group}}}],"consumerDataSet":[{{"groupName":{group},"subscriptionDataSet":[{{"topic":{topic},"subString":"*"}}]}}]}}"#
        ),
        RequestCode::LOCK_BATCH_MQ | RequestCode::UNLOCK_BATCH_MQ => format!(
            r#"{{"consumerGroup":{group},"clientId":{client},"mqSet":[{{"brokerName":{broker},"queueId":0,"topic":{topic}}}]}}"#
        ),
        RequestCode::CHECK_CLIENT_CONFIG => {
            format!(r#"{{"subscriptionData":{{"topic":{topic},"subString":"*"}},"group":{group}}}"#)
        }
        RequestCode::UPDATE_AND_CREATE_TOPIC_LIST => format!(
            r#"{{"topicConfigList":[{{"topicName":{topic},"perm":6,"readQueueNums":1,"writeQueueNums":1,"topicFilterType":{filter_type}}}]}}"#
        ),
        RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP => format!(r#"{{"groupName":{group}}}"#),
        RequestCode::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST => {
            format!(r#"{{"groupConfigList":[{{"groupName":{group}}}]}}"#)
        }
        RequestCode::QUERY_ASSIGNMENT => format!(
            r#"{{"topic":{topic},"consumerGroup":{group},"clientId":{client},"strategyName":"AVG","messageModel":"CLUSTERING"}}"#
        ),
        RequestCode::SET_MESSAGE_REQUEST_MODE => {
            format!(r#"{{"topic":{topic},"consumerGroup":{group},"mode":"POP"}}"#)
        }
        RequestCode::BATCH_ACK_MESSAGE => format!(
            r#"{{"brokerName":{broker},"acks":[{{"c":{group},"t":{topic},"r":"0","so":0,"q":0,"rq":0,"pt":1,"it":1,"b":"AQ=="}}]}}"#
        ),
        RequestCode::REGISTER_BROKER => {
            // The key is the name, too; one more topic makes it a whole registration.
            format!(
                r#"{{"topicConfigSerializeWrapper":{{"dataVersion":{{"counter":1}},"topicConfigTable":{{{topic}:{{"topicName":{topic},"perm":6}},"U":{{"topicName":"U"}}}}}}}}"#
            )
        }
        RequestCode::QUERY_DATA_VERSION => "{}".to_owned(),
        RequestCode(217) => {
            format!(
                r#"{{"queueDatas":[{{"brokerName":{broker},"perm":6,"readQueueNums":1,"writeQueueNums":1}}]}}"#
            )
        }
        _ => return None,
    })
}

/// The request with good values everywhere but in `field`, of its header, or of its body after `body.`.
pub fn request(code: RequestCode, field: &str, name: &str) -> CommandBuf {
    let mut command = CommandBuf::request(code);
    for (good, value) in GOOD {
        let value = if *good == field { name } else { *value };
        command.ext.push(((*good).into(), value.to_owned()));
    }
    let in_body = field.strip_prefix("body.").unwrap_or("");
    match body(code, in_body, name) {
        Some(body) => command.with_body(body),
        None => command.with_body("x"),
    }
}

/// Every file and folder below `folder`, by its path in it.
pub fn tree(folder: &Path) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap().flatten() {
            let path = entry.path();
            found.push(path.strip_prefix(folder).unwrap().display().to_string());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}
