//! Whatever it is asked, a name server starts no program and writes no file outside its folder: it does all its work where it
//! can do neither.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a test may panic")]

#[path = "../../broker/tests/support/names.rs"]
#[allow(dead_code, unreachable_pub, reason = "it is the broker's, too")]
mod names;
#[path = "../../broker/tests/support/sandbox.rs"]
#[allow(dead_code, unreachable_pub, reason = "it is the broker's, too")]
mod sandbox;

use gantry_remoting::client::Connection;
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const WAIT: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_works_where_it_can_start_nothing_and_write_nowhere_else() {
    if let Err(missing) = sandbox::is_possible() {
        eprintln!(
            "!!! SKIPPED: that a name server starts no program and writes nowhere else, because {missing}"
        );
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let program = Path::new(env!("CARGO_BIN_EXE_gantry-nameserver"));
    let mut command = Command::new(program);
    command.args(["--listen", &addr, "--data"]).arg(&data);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut server = sandbox::spawn(&mut command, program, &data).unwrap();
    let start = Instant::now();
    let connection = loop {
        match Connection::open(&addr, WAIT, None).await {
            Ok(connection) => break connection,
            Err(error) => assert!(start.elapsed() < WAIT, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let ask = async |command: CommandBuf| connection.request(command, WAIT).await.unwrap();
    for code in (0..1100).chain(RequestCode::ALL.iter().map(|code| code.0)) {
        ask(names::request(RequestCode(code), "", "")).await;
        ask(CommandBuf::request(RequestCode(code)).with_body("kvConfigPath=/tmp/x\nconfigStorePath=/tmp/x\n")).await;
    }
    for name in names::bad_names() {
        ask(names::request(RequestCode::PUT_KV_CONFIG, "namespace", &name)).await;
        ask(names::request(RequestCode::PUT_KV_CONFIG, "key", &name)).await;
    }
    let kept = ask(names::request(RequestCode::PUT_KV_CONFIG, "", "")).await;
    assert_eq!(kept.response_code(), ResponseCode::SUCCESS, "{:?}", kept.remark);
    let set =
        ask(CommandBuf::request(RequestCode::UPDATE_NAMESRV_CONFIG).with_body("orderMessageEnable=true"))
            .await;
    assert_eq!(set.response_code(), ResponseCode::SUCCESS, "{:?}", set.remark);
    sandbox::check_that_it_holds(server.id());
    assert_eq!(
        names::tree(dir.path()),
        ["data", "data/kvConfig.json", "data/lock", "data/namesrv.properties"]
    );
    server.kill().unwrap();
    server.wait().unwrap();
}
