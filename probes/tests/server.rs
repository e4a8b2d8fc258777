//! Probes over real sockets.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

use gantry_probes::{Status, serve};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const WAIT: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Switch {
    on: AtomicBool,
    open_metrics: bool,
}

impl Status for Switch {
    fn ready(&self) -> Result<(), String> {
        if self.on.load(Ordering::Relaxed) { Ok(()) } else { Err("warming up".into()) }
    }
    fn metrics(&self) -> String {
        format!("# TYPE x gauge\nx 1\n{}", if self.open_metrics { "# EOF\n" } else { "" })
    }
}

struct Server {
    addr: SocketAddr,
    status: Arc<Switch>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(status: Switch) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (addr, status) = (listener.local_addr().unwrap(), Arc::new(status));
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve(listener, Arc::clone(&status) as Arc<dyn Status>, stopped));
        Self { addr, status, stop, task }
    }

    async fn get(&self, path: &str) -> String {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await
    }

    async fn send(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        // The server may answer and close before it read all.
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(WAIT, stream.read_to_end(&mut answer)).await.expect("answered in time");
        String::from_utf8(answer).unwrap()
    }
}

#[tokio::test]
async fn readiness_follows_the_process_and_says_why_not() {
    let server = Server::start(Switch::default()).await;
    assert!(server.get("/healthz").await.starts_with("HTTP/1.1 200 "), "alive all along");
    let answer = server.get("/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("\r\n\r\nwarming up"), "{answer}");
    server.status.on.store(true, Ordering::Relaxed);
    let answer = server.get("/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nok"), "{answer}");
}

#[tokio::test]
async fn metrics_say_which_text_format_they_are_in() {
    for (open_metrics, kind) in
        [(false, "text/plain; version=0.0.4"), (true, "application/openmetrics-text; version=1.0.0")]
    {
        let answer = Server::start(Switch { open_metrics, ..Switch::default() }).await.get("/metrics").await;
        assert!(answer.contains(&format!("content-type: {kind}")), "{answer}");
        assert!(answer.contains("\r\n\r\n# TYPE x gauge\nx 1\n"), "{answer}");
    }
}

#[tokio::test]
async fn everything_else_is_not_found() {
    let server = Server::start(Switch::default()).await;
    for path in ["/", "/metrics/", "/healthz/x", "/../healthz", "*"] {
        let answer = server.get(path).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
    let post = server.send(b"POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await;
    assert!(post.starts_with("HTTP/1.1 404 "), "{post}");
}

#[tokio::test]
async fn what_is_too_long_or_no_http_is_refused() {
    let server = Server::start(Switch::default()).await;
    let giant = format!("GET /healthz HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(1024 * 1024));
    // The refusal may be lost when the rest of the request meets a closed socket.
    assert!(!server.send(giant.as_bytes()).await.contains(" 200 "));
    assert!(!server.send(b"\0\0\0\x10 not http\r\n\r\n").await.contains(" 200 "));
    assert!(server.get("/healthz").await.contains(" 200 "), "it serves on");
}

#[tokio::test]
async fn clients_that_say_nothing_make_room_for_others() {
    let server = Server::start(Switch::default()).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(server.addr).await.unwrap());
    }
    assert!(server.get("/healthz").await.contains(" 200 "));
}

#[tokio::test]
async fn it_stops_when_it_is_told_to_or_nobody_could_tell_it() {
    let server = Server::start(Switch::default()).await;
    let _silent = TcpStream::connect(server.addr).await.unwrap();
    server.stop.send(true).unwrap();
    tokio::time::timeout(WAIT, server.task).await.expect("stops").unwrap();
    assert!(TcpStream::connect(server.addr).await.is_err(), "the port is free");
    let server = Server::start(Switch::default()).await;
    drop(server.stop);
    tokio::time::timeout(WAIT, server.task).await.expect("stops").unwrap();
}
