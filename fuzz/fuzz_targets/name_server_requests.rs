//! A name server that lives as long as the process, and one connection after the other with requests that are nearly right.
//! After each, an honest broker's topic is still where it was.
#![no_main]

use gantry_fuzz::choices::Choices;
use gantry_fuzz::{RUNTIME, folder, requests};
use gantry_nameserver::{Config, start};
use gantry_remoting::client::Connection;
use gantry_remoting::header::{GetRouteInfo, RegisterBroker, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};
use libfuzzer_sys::fuzz_target;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

const WAIT: Duration = Duration::from_secs(20);

struct Server {
    addr: SocketAddr,
    honest: Connection,
    _stop: watch::Sender<bool>,
    _folder: TempDir,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| RUNTIME.block_on(serve()));

async fn serve() -> Server {
    let folder = folder::in_memory();
    let (stop, stopped) = watch::channel(false);
    let config = Config::new("127.0.0.1:0".parse().expect("an address"), folder.path());
    let server = start(config, stopped).await.expect("a name server starts");
    let honest = Connection::open(&server.addr.to_string(), WAIT, None).await.expect("it listens");
    Server { addr: server.addr, honest, _stop: stop, _folder: folder }
}

fuzz_target!(|bytes: &[u8]| {
    let server = &*SERVER;
    let mut choices = Choices::new(bytes);
    let (stream, _) = requests::encoded(&mut choices, 40);
    RUNTIME.block_on(async {
        let mut hostile = TcpStream::connect(server.addr).await.expect("it takes connections");
        let _ = hostile.write_all(&stream).await;
        let _ = hostile.shutdown().await;
        let mut answers = Vec::new();
        let _ = tokio::time::timeout(WAIT, hostile.read_to_end(&mut answers)).await.expect("it closes");

        let broker = RegisterBroker {
            broker_name: "honest",
            broker_addr: "10.0.0.1:10911",
            cluster_name: "honest",
            ha_server_addr: "10.0.0.1:10912",
            broker_id: 0,
            heartbeat_timeout_millis: None,
            enable_acting_master: None,
            compressed: false,
            body_crc32: None,
            external_addr: None,
        };
        let body = r#"{"topicConfigSerializeWrapper":{"dataVersion":{"counter":1,"stateVersion":0,"timestamp":1},"topicConfigTable":{"honest-topic":{"topicName":"honest-topic","readQueueNums":4,"writeQueueNums":4,"perm":6},"other":{"topicName":"other","perm":6}}}}"#;
        let register = broker.into_command(CommandBuf::request(RequestCode::REGISTER_BROKER)).with_body(body);
        let answer = server.honest.request(register, WAIT).await.expect("an answer");
        assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
        let route = GetRouteInfo { topic: "honest-topic", accept_standard_json_only: None };
        let route = route.into_command(CommandBuf::request(RequestCode::GET_ROUTEINFO_BY_TOPIC));
        let answer = server.honest.request(route, WAIT).await.expect("an answer");
        assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{:?}", answer.remark);
        assert!(answer.body.windows(14).any(|bytes| bytes == b"10.0.0.1:10911"));
    });
});
