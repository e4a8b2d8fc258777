//! A broker that runs out of files: clients beyond what it can serve are sent away at once, the others are served on, and so is
//! everybody again once there is room.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a test may panic")]

mod support;

use std::os::unix::process::CommandExt as _;
use std::time::Duration;
use support::{Broker, WAIT, free_port, send};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

async fn broker_with(files: u64, dir: &tempfile::TempDir) -> Broker {
    let root = dir.path().join("store");
    std::fs::create_dir(&root).unwrap();
    // A file of the log is full after a few messages: the next needs a file to be opened.
    let settings = ["mapedFileSizeCommitLog=65536", "maxHashSlotNum=100", "maxIndexNum=400"];
    Broker::start_by(&root, free_port(), &settings, |command| {
        let limit = libc::rlimit { rlim_cur: files, rlim_max: files };
        // SAFETY: between fork and exec it makes one system call, with a struct that it owns.
        unsafe {
            command.pre_exec(move || match libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            });
        }
        command.spawn()
    })
    .await
}

fn processor_time(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit_once(") ").unwrap().1.split(' ').map(str::to_owned).collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Sent away: at the end of the stream, or by a reset.
async fn is_closed(stream: &mut TcpStream, patience: Duration) -> bool {
    let read = tokio::time::timeout(patience, stream.read(&mut [0])).await;
    matches!(read, Ok(Ok(0) | Err(_)))
}

async fn more_clients_than_files(files: u64, served: std::ops::RangeInclusive<usize>) {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker_with(files, &dir).await;
    let honest = broker.connect().await;
    send(&honest, "T", 0, "first").await.unwrap();
    let mut crowd = Vec::new();
    for _ in 0..400 {
        crowd.push(TcpStream::connect(&broker.addr).await.unwrap());
    }
    let (mut kept, mut sent_away) = (Vec::new(), 0);
    for mut stream in crowd {
        // Those that come last wait for their turn to be sent away.
        if is_closed(&mut stream, Duration::from_millis(if kept.len() < *served.end() { 30 } else { 15_000 }))
            .await
        {
            sent_away += 1;
        } else {
            kept.push(stream);
        }
    }
    println!("{files} files: {} served, {sent_away} sent away", kept.len());
    assert!(served.contains(&kept.len()), "{} served, {sent_away} sent away", kept.len());
    // The log goes on, over several files of it; and the broker rests, rather than trying again and again.
    for n in 0..60 {
        send(&honest, "T", 0, &format!("{n}").repeat(4_000)).await.unwrap();
    }
    let before = processor_time(broker.pid());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let used = processor_time(broker.pid()) - before;
    assert!(used < 50, "{used} ticks of 10 ms in two seconds of nothing");
    // With room again, everybody is served.
    drop(kept);
    let start = std::time::Instant::now();
    loop {
        assert!(start.elapsed() < WAIT, "nobody new is served");
        let fresh = gantry_remoting::client::Connection::open(&broker.addr, WAIT, None).await;
        match fresh {
            Ok(fresh) if send(&fresh, "T", 0, "again").await.is_ok() => break,
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Half of so few are kept for the log and what belongs to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_leave_files_to_the_log() {
    more_clients_than_files(200, 95..=99).await;
}
