//! Whatever it is asked, a broker starts no program and writes no file outside its folder: it does all its work where it can do
//! neither.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a test may panic")]

mod support;

use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};
use std::path::Path;
use std::time::Duration;
use support::names::{bad_names, request};
use support::{Broker, WAIT, free_port, read_queue, sandbox, send, send_command_with};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_works_where_it_can_start_nothing_and_write_nowhere_else() {
    if let Err(missing) = sandbox::is_possible() {
        eprintln!("!!! SKIPPED: that a broker starts no program and writes nowhere else, because {missing}");
        return;
    }
    sandbox::check_that_it_bites();

    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("store");
    std::fs::create_dir(&root).unwrap();
    let settings = [
        "mapedFileSizeCommitLog=1048576",
        "mapedFileSizeConsumeQueue=20000",
        "maxHashSlotNum=1000",
        "maxIndexNum=4000",
        "flushDiskType=SYNC_FLUSH",
        "enablePropertyFilter=true",
        "recallMessageEnable=true",
        "flushConsumerOffsetInterval=1000",
    ];
    let port = free_port();
    let program = Path::new(env!("CARGO_BIN_EXE_gantry-broker"));
    let start = async || {
        Broker::start_by(&root, port, &settings, |command| sandbox::spawn(command, program, &root)).await
    };
    let broker = start().await;
    let connection = broker.connect().await;
    let ask = async |command: CommandBuf| connection.request(command, WAIT).await.unwrap();
    // Several files of the log and of queues, delays and timers that come due, transactions.
    for n in 0..300 {
        send(&connection, "T", n % 4, &format!("{n} ").repeat(3000)).await.unwrap();
    }
    for properties in
        ["DELAY\u{1}1\u{2}", "TIMER_DELAY_MS\u{1}500\u{2}", "TRAN_MSG\u{1}true\u{2}PGROUP\u{1}p\u{2}"]
    {
        let answer = ask(send_command_with("T", 0, properties, false, "waits")).await;
        assert_eq!(answer.response_code(), ResponseCode::SUCCESS, "{properties} {:?}", answer.remark);
    }
    // All codes, also those of bodies that say what to run and where to write.
    for code in RequestCode::ALL.iter().copied().filter(|code| *code != RequestCode::DELETE_TOPIC_IN_BROKER) {
        ask(request(code, "", "")).await;
    }
    for code in (0..1100).chain(3000..3020).chain(71_000..71_010).chain(200_000..200_200) {
        let settings =
            "rocketmqHome=/tmp/x\nfilterServerNums=1\nstorePathRootDir=/tmp/x\nbrokerConfigPath=/tmp/x\n";
        ask(CommandBuf::request(RequestCode(code)).with_body(settings)).await;
    }
    for name in bad_names() {
        for (code, field) in
            [(310, "b"), (17, "topic"), (200, "body.group"), (15, "consumerGroup"), (25, "key")]
        {
            ask(request(RequestCode(code), field, &name)).await;
        }
    }
    let clean = ask(CommandBuf::request(RequestCode::DELETE_EXPIRED_COMMITLOG)).await;
    assert_eq!(clean.response_code(), ResponseCode::SUCCESS);
    // Files are saved every second here.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(read_queue(&connection, "T", 0, 0).await.len() > 75);
    sandbox::check_that_it_holds(broker.pid());
    let log = broker.log();
    assert!(!log.contains("denied") && !log.contains("os error 13"), "{log}");
    drop(connection);
    broker.kill();

    // It also recovers there.
    let broker = start().await;
    let connection = broker.connect().await;
    assert!(read_queue(&connection, "T", 0, 0).await.len() > 75);
    send(&connection, "T", 0, "after").await.unwrap();
    sandbox::check_that_it_holds(broker.pid());
}
