//! The server over real sockets: pipelining, pushes, limits, and what garbage does to it.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

use bytes::BytesMut;
use gantry_remoting::client::Connection;
use gantry_remoting::reply::Outbound;
use gantry_remoting::server::{Limits, Peer, Service, Session, bind, serve};
use gantry_remoting::{Command, CommandBuf, RequestCode, ResponseCode};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

const WAIT: Duration = Duration::from_secs(10);
/// Asks the server to ask its client (code 40) and to answer with the client's answer.
const ASK_ME: RequestCode = RequestCode(9_001);

#[derive(Default)]
struct Echo {
    gone: Arc<AtomicUsize>,
}

struct EchoSession {
    peer: Arc<Peer>,
    gone: Arc<AtomicUsize>,
}

impl Service for Echo {
    type Session = EchoSession;
    fn connect(&self, peer: Arc<Peer>) -> EchoSession {
        EchoSession { peer, gone: Arc::clone(&self.gone) }
    }
}

impl Session for EchoSession {
    fn request(&mut self, command: &Command<'_>, out: &mut Outbound) {
        let to = command.reply_to();
        if command.request_code() == ASK_ME {
            let peer = Arc::clone(&self.peer);
            tokio::spawn(async move {
                let question = CommandBuf::request(RequestCode::NOTIFY_CONSUMER_IDS_CHANGED);
                let answer = peer.request(question, WAIT).await.unwrap();
                let mut out = Outbound::default();
                out.respond(to, ResponseCode::SUCCESS, |_| {}, &answer.body);
                peer.send(&mut out).unwrap();
            });
            return;
        }
        out.respond(
            to,
            ResponseCode::SUCCESS,
            |h| command.ext.iter().for_each(|(k, v)| h.field(k, v)),
            command.body,
        );
    }
    fn disconnect(&mut self) {
        self.gone.fetch_add(1, Ordering::SeqCst);
    }
}

struct Server {
    addr: SocketAddr,
    gone: Arc<AtomicUsize>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

async fn start(limits: Limits) -> Server {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let service = Arc::new(Echo::default());
    let gone = Arc::clone(&service.gone);
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(serve(listener, service, Arc::new(limits), stopped));
    Server { addr, gone, stop, task }
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < WAIT, "timed out waiting for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What the server sends before it closes the connection.
async fn until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(WAIT, stream.read_to_end(&mut rest)).await.expect("closed in time");
    // A reset is a close too: the server may have left bytes of ours unread.
    let _ = read;
    rest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipelined_requests_of_any_size_are_answered() {
    let server = start(Limits::default()).await;
    let connection = Arc::new(Connection::open(&server.addr.to_string(), WAIT, None).await.unwrap());
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..300_usize {
        let connection = Arc::clone(&connection);
        calls.spawn(async move {
            let body = vec![n as u8; n * n * 7 % 200_000];
            let command =
                CommandBuf::request(RequestCode(9_000)).with("n", n.to_string()).with_body(body.clone());
            let answer = connection.request(command, WAIT).await.unwrap();
            assert_eq!(answer.find("n"), Some(n.to_string().as_str()));
            assert_eq!(answer.body, body);
        });
    }
    while let Some(done) = calls.join_next().await {
        done.unwrap();
    }
    drop(connection);
    until("the session to end", || server.gone.load(Ordering::SeqCst) == 1).await;
    server.stop.send(true).unwrap();
    server.task.await.unwrap();
}

#[tokio::test]
async fn the_server_asks_its_client() {
    let server = start(Limits::default()).await;
    let answer = |_: &CommandBuf| Some(CommandBuf::default().with_body("from the client"));
    let connection = Connection::open(&server.addr.to_string(), WAIT, Some(Box::new(answer))).await.unwrap();
    let answer = connection.request(CommandBuf::request(ASK_ME), WAIT).await.unwrap();
    assert_eq!(&answer.body[..], b"from the client");
}

#[tokio::test]
async fn a_frame_may_come_byte_by_byte() {
    let server = start(Limits::default()).await;
    let mut bytes = BytesMut::new();
    CommandBuf::request(RequestCode(9_000)).with_body("drip").encode(&mut bytes);
    let mut stream = TcpStream::connect(server.addr).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in &bytes {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    stream.shutdown().await.unwrap();
    assert!(until_closed(&mut stream).await.ends_with(b"drip"), "a half-closed client still gets its answer");
}

#[tokio::test]
async fn garbage_closes_its_own_connection_only() {
    let server = start(Limits::default()).await;
    let honest = Connection::open(&server.addr.to_string(), WAIT, None).await.unwrap();
    let two_gib = [&0x7FFF_FFFF_u32.to_be_bytes()[..], &[0; 12]].concat();
    let header_longer_than_frame = [0, 0, 0, 16, 0, 0, 1, 0, 0, 0, 0, 0];
    let unknown_type = [0, 0, 0, 6, 9, 0, 0, 2, b'{', b'}'];
    let not_json = [0, 0, 0, 6, 0, 0, 0, 2, b'{', b'{'];
    let tls = [0x16, 3, 1, 0, 200, 1, 0, 0, 196];
    let zeros = [0; 64];
    for garbage in [
        &two_gib[..],
        &header_longer_than_frame,
        &unknown_type,
        &not_json,
        &tls,
        &zeros,
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        assert_eq!(until_closed(&mut stream).await, b"", "{garbage:?}");
        honest.request(CommandBuf::request(RequestCode(9_000)), WAIT).await.unwrap();
    }
}

#[tokio::test]
async fn slow_idle_and_unreading_clients_are_dropped() {
    let limits = Limits {
        idle: Duration::from_millis(300),
        frame: Duration::from_millis(100),
        write: Duration::from_millis(200),
        unsent: 64 * 1024,
        ..Limits::default()
    };
    let server = start(limits).await;

    let mut idle = TcpStream::connect(server.addr).await.unwrap();
    let started = Instant::now();
    until_closed(&mut idle).await;
    assert!(started.elapsed() >= limits.idle);

    let mut slow = TcpStream::connect(server.addr).await.unwrap();
    slow.write_all(&[0, 0]).await.unwrap();
    let started = Instant::now();
    until_closed(&mut slow).await;
    assert!(started.elapsed() < limits.idle, "half a header is not an idle connection");

    let mut unreading = TcpStream::connect(server.addr).await.unwrap();
    let mut bytes = BytesMut::new();
    CommandBuf::request(RequestCode(9_000)).with_body(vec![7; 1024 * 1024]).encode(&mut bytes);
    let flood = async { while unreading.write_all(&bytes).await.is_ok() {} };
    tokio::time::timeout(WAIT, flood).await.expect("dropped although it still writes");
}

#[tokio::test]
async fn a_taken_port_says_what_to_do() {
    let server = start(Limits::default()).await;
    let error = bind(server.addr).await.unwrap_err().to_string();
    assert!(error.contains("choose another port"), "{error}");
}
