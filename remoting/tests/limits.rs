//! What one connection may take of a server: each limit, and that honest clients do not meet it.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

use bytes::BytesMut;
use gantry_remoting::codec::MAX_FIELDS;
use gantry_remoting::frame::{MAX_FRAME, MAX_HEADER};
use gantry_remoting::reply::Outbound;
use gantry_remoting::server::{Background, Limits, Peer, Service, Session, bind, serve};
use gantry_remoting::{Command, CommandBuf, RequestCode, ResponseCode};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;

const WAIT: Duration = Duration::from_secs(20);
/// Answered at once, with as many bytes as the field `len` says.
const ANSWER: RequestCode = RequestCode(9_000);
/// Never answered.
const HOLD: RequestCode = RequestCode(9_001);
/// Answered by somebody else, when [`Seen::finish`] is called.
const ELSEWHERE: RequestCode = RequestCode(9_002);

/// What a server has seen.
#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    elsewhere: Mutex<Vec<(Background, Arc<Peer>, gantry_remoting::reply::ReplyTo)>>,
    gone: AtomicUsize,
}

impl Seen {
    fn waiting(&self) -> usize {
        self.elsewhere.lock().unwrap().len()
    }

    /// Answers what is to be answered elsewhere.
    fn finish(&self) {
        for (background, peer, to) in self.elsewhere.lock().unwrap().drain(..) {
            let mut out = Outbound::default();
            out.respond(to, ResponseCode::SUCCESS, |_| {}, &[]);
            let _ = peer.send(&mut out);
            drop(background);
        }
    }
}

struct Server(Arc<Seen>);

struct OneSession {
    peer: Arc<Peer>,
    seen: Arc<Seen>,
}

impl Service for Server {
    type Session = OneSession;
    fn connect(&self, peer: Arc<Peer>) -> OneSession {
        OneSession { peer, seen: Arc::clone(&self.0) }
    }
}

impl Session for OneSession {
    fn request(&mut self, command: &Command<'_>, out: &mut Outbound) {
        self.seen.requests.fetch_add(1, Ordering::SeqCst);
        let to = command.reply_to();
        match command.request_code() {
            HOLD => {}
            ELSEWHERE => {
                let waiting = (self.peer.in_background(), Arc::clone(&self.peer), to);
                self.seen.elsewhere.lock().unwrap().push(waiting);
            }
            _ => {
                let len = command.ext.find("len").map_or(0, |len| len.parse().unwrap());
                out.respond(to, ResponseCode::SUCCESS, |_| {}, &vec![7; len]);
            }
        }
    }
    fn disconnect(&mut self) {
        self.seen.gone.fetch_add(1, Ordering::SeqCst);
    }
}

async fn start(limits: Limits) -> (SocketAddr, Arc<Seen>, watch::Sender<bool>) {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (addr, seen) = (listener.local_addr().unwrap(), Arc::new(Seen::default()));
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(serve(listener, Arc::new(Server(Arc::clone(&seen))), Arc::new(limits), stopped));
    (addr, seen, stop)
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < WAIT, "timed out waiting for {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn requests(code: RequestCode, count: i32, len: usize) -> BytesMut {
    let mut bytes = BytesMut::new();
    for opaque in 0..count {
        let command = CommandBuf { opaque, ..CommandBuf::request(code) }.with("len", len.to_string());
        command.encode(&mut bytes);
    }
    bytes
}

#[test]
fn the_limits_are_these() {
    let limits = Limits::default();
    assert_eq!((MAX_FRAME, MAX_HEADER, MAX_FIELDS), (16 * 1024 * 1024, 64 * 1024, 128));
    assert_eq!((limits.frame, limits.min_rate), (Duration::from_secs(10), 1024));
    assert_eq!((limits.write, limits.unsent), (Duration::from_secs(30), 8 * 1024 * 1024));
    assert_eq!((limits.in_flight, limits.in_background), (16_384, 16));
    assert_eq!((limits.idle, limits.connections), (Duration::from_secs(120), 65_536));
}

#[tokio::test]
async fn requests_without_an_answer_are_counted_and_answers_taken_off() {
    let (addr, seen, _stop) = start(Limits { in_flight: 100, ..Limits::default() }).await;
    let mut honest = TcpStream::connect(addr).await.unwrap();
    for _ in 0..5 {
        honest.write_all(&requests(HOLD, 20, 0)).await.unwrap();
        honest.write_all(&requests(ANSWER, 1_000, 0)).await.unwrap();
    }
    until("all to be seen", || seen.requests.load(Ordering::SeqCst) == 5_100).await;
    assert_eq!(seen.gone.load(Ordering::SeqCst), 0, "a hundred wait: as many as may");
    let mut greedy = TcpStream::connect(addr).await.unwrap();
    greedy.write_all(&requests(HOLD, 101, 0)).await.unwrap();
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(WAIT, greedy.read_to_end(&mut rest)).await.expect("closed");
    until("one to be gone", || seen.gone.load(Ordering::SeqCst) == 1).await;
    honest.write_all(&requests(ANSWER, 1, 3)).await.unwrap();
}

#[tokio::test]
async fn oneway_requests_wait_for_nothing() {
    let (addr, seen, _stop) = start(Limits { in_flight: 10, ..Limits::default() }).await;
    let mut bytes = BytesMut::new();
    for _ in 0..1_000 {
        CommandBuf::request(HOLD).oneway().encode(&mut bytes);
    }
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    until("all to be seen", || seen.requests.load(Ordering::SeqCst) == 1_000).await;
    assert_eq!(seen.gone.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn no_more_is_read_while_many_answers_are_made_elsewhere() {
    let (addr, seen, _stop) = start(Limits { in_background: 7, ..Limits::default() }).await;
    let mut stream = TcpStream::connect(addr).await.unwrap();
    // All of it comes with one read.
    stream.write_all(&requests(ELSEWHERE, 100, 0)).await.unwrap();
    let mut answered = 0;
    while answered < 100 {
        let some = (100 - answered).min(7);
        until("some to wait", || seen.waiting() == some).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(seen.waiting(), some, "and no more");
        seen.finish();
        answered += some;
    }
    assert_eq!(seen.requests.load(Ordering::SeqCst), 100);
    let mut bytes = Vec::new();
    stream.shutdown().await.unwrap();
    tokio::time::timeout(WAIT, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
    let mut answers = 0;
    let mut rest = &bytes[..];
    while let Ok(Some(frame)) = gantry_remoting::frame::split(rest) {
        (answers, rest) = (answers + 1, &rest[frame.len..]);
    }
    assert_eq!((answers, rest.len()), (100, 0), "each once");
}

#[tokio::test]
async fn small_requests_for_large_answers_wait_until_the_client_reads() {
    const LARGE: usize = 1024 * 1024;
    let limits = Limits { unsent: 4 * LARGE, ..Limits::default() };
    let (addr, seen, _stop) = start(limits).await;
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(&requests(ANSWER, 500, LARGE)).await.unwrap();
    until("some to be seen", || seen.requests.load(Ordering::SeqCst) >= 4).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    // What the sockets hold comes on top of what the server does.
    let seen_unread = seen.requests.load(Ordering::SeqCst);
    assert!(seen_unread < 30, "{seen_unread} answers of a megabyte for nobody");
    let (mut read, mut buffer) = (0, vec![0; 256 * 1024]);
    while read < 500 * LARGE {
        let n = tokio::time::timeout(WAIT, stream.read(&mut buffer)).await.unwrap().unwrap();
        assert!(n > 0, "all of them, once the client reads");
        read += n;
    }
}

#[tokio::test]
async fn a_header_may_have_so_many_fields_and_bytes() {
    let (addr, seen, _stop) = start(Limits::default()).await;
    let ask = async |fields: usize, len: usize| {
        let mut command = CommandBuf::request(ANSWER);
        command.ext = (0..fields).map(|n| (format!("f{n}").into(), "x".repeat(len))).collect();
        let mut bytes = BytesMut::new();
        command.encode(&mut bytes);
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(WAIT, stream.read_to_end(&mut answer)).await.unwrap();
        !answer.is_empty()
    };
    assert!(ask(MAX_FIELDS, 10).await && ask(1, MAX_HEADER - 200).await);
    assert!(!ask(MAX_FIELDS + 1, 10).await && !ask(1, MAX_HEADER).await);
    assert_eq!(seen.requests.load(Ordering::SeqCst), 2);
}
