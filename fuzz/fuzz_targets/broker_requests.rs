//! A broker that lives as long as the process, and one connection after the other with requests that are nearly right. After
//! each, an honest message is stored at the next place of its queue and read back, byte for byte.
#![no_main]

use gantry_broker::BrokerConfig;
use gantry_fuzz::choices::Choices;
use gantry_fuzz::{RUNTIME, folder, requests};
use gantry_message::record::records;
use gantry_remoting::client::Connection;
use gantry_remoting::header::{CreateTopic, PullMessage, SendMessageV2, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};
use libfuzzer_sys::fuzz_target;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

const WAIT: Duration = Duration::from_secs(20);
/// None of the words that requests are made of.
const HONEST: &str = "honest-topic";

struct Broker {
    addr: SocketAddr,
    honest: Connection,
    next: AtomicI64,
    _stop: watch::Sender<bool>,
    _folder: TempDir,
}

static BROKER: LazyLock<Broker> = LazyLock::new(|| RUNTIME.block_on(start()));

async fn start() -> Broker {
    let folder = folder::in_memory();
    let mut config = BrokerConfig::new(folder.path());
    let settings = "brokerName=b\nbrokerIP1=127.0.0.1\nbindAddress=127.0.0.1\nvipChannelEnabled=false\n\
                    mapedFileSizeCommitLog=4194304\nmapedFileSizeConsumeQueue=20000\nmaxHashSlotNum=1000\nmaxIndexNum=4000\n\
                    warmMapedFileEnable=false\ndiskMaxUsedSpaceRatio=99\ndiskSpaceCleanForciblyRatio=99\ndiskSpaceWarningLevelRatio=99\n\
                    enablePropertyFilter=true\nrecallMessageEnable=true\nautoCreateTopicMax=100\nautoCreateSubscriptionGroupMax=100";
    config.apply(settings).expect("settings");
    config.listen_port = 0;
    let (stop, stopped) = watch::channel(false);
    let broker = gantry_broker::start(config, stopped).await.expect("a broker starts");
    let addr = broker.addr();
    let honest = Connection::open(&addr.to_string(), WAIT, None).await.expect("it listens");
    let topic = CreateTopic {
        topic: HONEST,
        default_topic: None,
        read_queue_nums: 1,
        write_queue_nums: 1,
        perm: 6,
        topic_filter_type: None,
        topic_sys_flag: None,
        order: false,
        attributes: None,
    };
    let made = topic.into_command(CommandBuf::request(RequestCode::UPDATE_AND_CREATE_TOPIC));
    honest.request(made, WAIT).await.expect("a topic is made");
    Broker { addr, honest, next: AtomicI64::new(0), _stop: stop, _folder: folder }
}

fuzz_target!(|bytes: &[u8]| {
    let broker = &*BROKER;
    let mut choices = Choices::new(bytes);
    let (stream, _) = requests::encoded(&mut choices, 40);
    RUNTIME.block_on(async {
        let mut hostile = TcpStream::connect(broker.addr).await.expect("it takes connections");
        let _ = hostile.write_all(&stream).await;
        let _ = hostile.shutdown().await;
        // Whatever is answered at once; long polls and what waits for others go with the connection.
        let mut answers = Vec::new();
        let _ = tokio::time::timeout(WAIT, hostile.read_to_end(&mut answers)).await.expect("it closes");
        honest_message(broker).await;
    });
});

async fn honest_message(broker: &Broker) {
    let offset = broker.next.fetch_add(1, Ordering::Relaxed);
    let body = format!("honest {offset}");
    let send = SendMessageV2 {
        producer_group: "honest",
        topic: HONEST,
        default_topic: None,
        default_topic_queue_nums: 1,
        queue_id: 0,
        sys_flag: 0,
        born_timestamp: 1,
        flag: 0,
        properties: None,
        reconsume_times: None,
        unit_mode: false,
        max_reconsume_times: None,
        batch: false,
        broker_name: None,
    };
    let send = send.into_command(CommandBuf::request(RequestCode::SEND_MESSAGE_V2)).with_body(body.clone());
    let answer = broker.honest.request(send, WAIT).await.expect("an answer");
    assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
    assert_eq!(answer.find("queueOffset"), Some(offset.to_string().as_str()));
    let pull = PullMessage {
        consumer_group: "honest",
        topic: HONEST,
        queue_id: 0,
        queue_offset: offset,
        max_msg_nums: 1,
        sys_flag: 4,
        commit_offset: 0,
        suspend_timeout_millis: 0,
        subscription: Some("*"),
        sub_version: 0,
        expression_type: None,
        max_msg_bytes: None,
    };
    let pull = pull.into_command(CommandBuf::request(RequestCode::PULL_MESSAGE));
    let answer = broker.honest.request(pull, WAIT).await.expect("an answer");
    assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
    let record = records(&answer.body).next().expect("a message").expect("a whole one");
    assert_eq!(record.body, body.as_bytes());
}
