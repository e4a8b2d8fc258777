//! The JSON files beside a broker's store: a broker starts with what is in them, or says which of them is damaged.
//!
//! Each line of the input becomes a file: the first character says which, the rest is its text. A broker that started is asked
//! for what it read, and stops.
#![no_main]

use gantry_broker::BrokerConfig;
use gantry_fuzz::{RUNTIME, folder};
use gantry_remoting::client::Connection;
use gantry_remoting::{CommandBuf, RequestCode};
use libfuzzer_sys::fuzz_target;
use std::fs;
use std::time::Duration;
use tokio::sync::watch;

const FILES: [&str; 12] = [
    "topics.json",
    "subscriptionGroup.json",
    "consumerOffset.json",
    "delayOffset.json",
    "messageRequestMode.json",
    "scales.json",
    "timermetrics.json",
    "topics.json.bak",
    "subscriptionGroup.json.bak",
    "consumerOffset.json.bak",
    "delayOffset.json.bak",
    "scales.json.bak",
];
/// What shows what was read.
const QUESTIONS: [i32; 5] = [21, 201, 317, 28, 26];
const WAIT: Duration = Duration::from_secs(20);

fn config(root: &std::path::Path) -> BrokerConfig {
    let mut config = BrokerConfig::new(root);
    let settings = "brokerName=b\nbrokerIP1=127.0.0.1\nbindAddress=127.0.0.1\nvipChannelEnabled=false\n\
                    mapedFileSizeCommitLog=65536\nmapedFileSizeConsumeQueue=2000\nmaxHashSlotNum=50\nmaxIndexNum=200\n\
                    warmMapedFileEnable=false\ndiskMaxUsedSpaceRatio=99\ndiskSpaceCleanForciblyRatio=99\ndiskSpaceWarningLevelRatio=99";
    config.apply(settings).expect("settings");
    config.listen_port = 0;
    config
}

fuzz_target!(|text: &str| {
    let folder = folder::in_memory();
    let dir = folder.path().join("config");
    fs::create_dir(&dir).expect("a folder");
    for line in text.lines() {
        let Some(first) = line.chars().next() else { continue };
        let name = FILES[first as usize % FILES.len()];
        fs::write(dir.join(name), &line[first.len_utf8()..]).expect("a file");
    }
    RUNTIME.block_on(async {
        let (stop, stopped) = watch::channel(false);
        let Ok(broker) = gantry_broker::start(config(folder.path()), stopped).await else { return };
        let connection = Connection::open(&broker.addr().to_string(), WAIT, None).await.expect("it listens");
        for code in QUESTIONS {
            let answer = connection.request(CommandBuf::request(RequestCode(code)), WAIT).await;
            answer.expect("it answers");
        }
        drop(connection);
        let _ = stop.send(true);
        broker.stopped().await.expect("it stops");
    });
});
