//! The files of a name server: it starts with what is in them or says what is wrong. The text before the first line that is
//! `--` is `kvConfig.json`, the rest `namesrv.properties`.
#![no_main]

use gantry_fuzz::{RUNTIME, folder};
use gantry_nameserver::{Config, Settings, start};
use gantry_remoting::client::Connection;
use gantry_remoting::header::{KvNamespace, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode};
use libfuzzer_sys::fuzz_target;
use std::fs;
use std::time::Duration;
use tokio::sync::watch;

const WAIT: Duration = Duration::from_secs(20);

fuzz_target!(|text: &str| {
    let (kv, properties) = text.split_once("\n--\n").unwrap_or((text, ""));
    for line in properties.lines() {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        let _ = Settings::default().set(name, value);
    }
    let folder = folder::in_memory();
    fs::write(folder.path().join("kvConfig.json"), kv).expect("a file");
    fs::write(folder.path().join("namesrv.properties"), properties).expect("a file");
    RUNTIME.block_on(async {
        let (stop, stopped) = watch::channel(false);
        let config = Config::new("127.0.0.1:0".parse().expect("an address"), folder.path());
        let Ok(server) = start(config, stopped).await else { return };
        let connection = Connection::open(&server.addr.to_string(), WAIT, None).await.expect("it listens");
        let namespace = KvNamespace { namespace: "ORDER_TOPIC_CONFIG" };
        let list = namespace.into_command(CommandBuf::request(RequestCode::GET_KVLIST_BY_NAMESPACE));
        connection.request(list, WAIT).await.expect("it answers");
        let settings = CommandBuf::request(RequestCode::GET_NAMESRV_CONFIG);
        connection.request(settings, WAIT).await.expect("it answers");
        drop(connection);
        let _ = stop.send(true);
        server.task.await.expect("it stops");
    });
});
