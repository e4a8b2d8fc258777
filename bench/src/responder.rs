//! A server that does nothing but answer: what it takes is the most that any broker could take of the same client.
//!
//! It splits frames and copies an answer that was made once, with the opaque of its request in it. For our generator, that is an
//! echo with a broker's frames. It answers as a name server, too, with itself as the only broker, so that Apache's clients can be
//! pointed at it.
//!
//! With a disk, requests that came together are written there and made safe with one `fdatasync` before they are
//! answered: what network and disk take, with nothing else done.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use bytes::BytesMut;
use gantry_remoting::codec::Decoder;
use gantry_remoting::command::{CommandBuf, FLAG_RESPONSE};
use gantry_remoting::frame::Frame;
use gantry_remoting::language::OUR_VERSION;
use gantry_remoting::{RequestCode, SerializeType};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use serde_json::json;

use crate::connection::Connection;

const LISTENER: u64 = u64::MAX;
const READ: usize = 256 * 1024;
/// Of a binary header, and where an answer has it in its frame, after both lengths.
const OPAQUE: usize = 5;
const OPAQUE_IN_FRAME: usize = 8 + OPAQUE;

/// Listens.
///
/// # Errors
/// When it cannot.
pub fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).with_context(|| format!("listening on {address}"))
}

/// Answers on one thread, until the process ends; with a disk when what came is there.
///
/// # Errors
/// When the listener, the epoll or the disk fails. A connection that fails is dropped.
pub fn serve(listener: &TcpListener, mut disk: Option<Disk>) -> Result<()> {
    listener.set_nonblocking(true)?;
    let answers = Answers::new(listener.local_addr()?);
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, listener.as_fd(), EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut events: Vec<Event> = Vec::with_capacity(1024);
    let mut scratch = vec![0; READ];
    let mut decoder = Decoder::default();
    let mut waiting = Vec::new();
    loop {
        events.clear();
        epoll::wait(&epoll, spare_capacity(&mut events), None)?;
        for event in events.drain(..) {
            if event.data.u64() == LISTENER {
                let Ok((stream, _)) = listener.accept() else { continue };
                let connection = Connection::new(stream)?;
                let place = EventData::new_u64(connections.len() as u64);
                epoll::add(&epoll, connection.stream(), place, EventFlags::IN)?;
                connections.push(Some(connection));
                continue;
            }
            let place = &mut connections[event.data.u64() as usize];
            let Some(connection) = place else { continue };
            let received = connection.receive(&mut scratch, |frame, out| {
                if let Some(disk) = &mut disk {
                    disk.gather(frame);
                }
                answers.write(frame, &mut decoder, out)
            });
            match (received, &disk) {
                (Ok(()), None) => answer_or_drop(place),
                (Ok(()), Some(_)) => waiting.push(event.data.u64() as usize),
                (Err(_), _) => *place = None,
            }
        }
        if let Some(disk) = &mut disk {
            disk.sync()?;
            waiting.drain(..).for_each(|place| answer_or_drop(&mut connections[place]));
        }
    }
}

/// What the socket does not take now goes with the next answers: clients here read what they asked for.
fn answer_or_drop(place: &mut Option<Connection>) {
    if place.as_mut().is_some_and(|connection| connection.flush().is_err()) {
        *place = None;
    }
}

/// A file whose blocks were written before, as a log has them that was prepared; written over and over.
#[derive(Debug)]
pub struct Disk {
    file: File,
    at: u64,
    gathered: Vec<u8>,
}

impl Disk {
    const SIZE: u64 = 64 << 20;

    /// Makes the file in `folder`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn prepare(folder: &Path) -> Result<Self> {
        let path = folder.join("responder");
        let mut file = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
        io::copy(&mut io::repeat(0).take(Self::SIZE), &mut file)?;
        file.sync_all()?;
        Ok(Self { file, at: 0, gathered: Vec::new() })
    }

    fn gather(&mut self, frame: Frame<'_>) {
        self.gathered.extend_from_slice(frame.header);
        self.gathered.extend_from_slice(frame.body);
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        if self.at + self.gathered.len() as u64 > Self::SIZE {
            self.at = 0;
        }
        self.file.write_all_at(&self.gathered, self.at)?;
        self.at += self.gathered.len() as u64;
        self.gathered.clear();
        self.file.sync_data()
    }
}

/// Answers that were made once.
struct Answers {
    /// To a send with a binary header.
    binary: Vec<u8>,
    route: String,
}

impl Answers {
    fn new(own: SocketAddr) -> Self {
        let queues = json!([{"brokerName": "responder", "readQueueNums": 8, "writeQueueNums": 8, "perm": 6, "topicSysFlag": 0}]);
        let brokers = json!([{"cluster": "responder", "brokerName": "responder", "brokerAddrs": {"0": own.to_string()}}]);
        let route =
            json!({"queueDatas": queues, "brokerDatas": brokers, "filterServerTable": {}}).to_string();
        let mut bytes = BytesMut::new();
        stored(SerializeType::Binary, 0).encode(&mut bytes);
        Self { binary: bytes.to_vec(), route }
    }

    fn write(&self, frame: Frame<'_>, decoder: &mut Decoder, out: &mut Vec<u8>) -> Result<()> {
        const SEND: [u8; 2] = (RequestCode::SEND_MESSAGE_V2.0 as u16).to_be_bytes();
        if frame.serialize_type == 1 && frame.header.starts_with(&SEND) {
            let opaque = frame.header.get(OPAQUE..OPAQUE + 4).context("a header has an opaque")?;
            let start = out.len() + OPAQUE_IN_FRAME;
            out.extend_from_slice(&self.binary);
            out[start..start + 4].copy_from_slice(opaque);
            return Ok(());
        }
        let request = decoder.decode(frame)?;
        if request.is_oneway() || request.is_response() {
            return Ok(());
        }
        let mut answer = match request.request_code() {
            RequestCode::GET_ROUTEINFO_BY_TOPIC => CommandBuf {
                body: self.route.clone().into(),
                ..answer(request.serialize_type, request.opaque)
            },
            RequestCode::SEND_MESSAGE_V2 | RequestCode::SEND_MESSAGE => {
                stored(request.serialize_type, request.opaque)
            }
            _ => answer(request.serialize_type, request.opaque),
        };
        answer.version = OUR_VERSION;
        let mut bytes = BytesMut::new();
        answer.encode(&mut bytes);
        out.extend_from_slice(&bytes);
        Ok(())
    }
}

fn answer(serialize_type: SerializeType, opaque: i32) -> CommandBuf {
    CommandBuf { serialize_type, opaque, flag: FLAG_RESPONSE, version: OUR_VERSION, ..CommandBuf::default() }
}

/// As long as a broker's.
fn stored(serialize_type: SerializeType, opaque: i32) -> CommandBuf {
    answer(serialize_type, opaque)
        .with("msgId", "7F0000010000502400000000DEADBEEF")
        .with("queueId", "0")
        .with("queueOffset", "1234567")
        .with("MSG_REGION", "DefaultRegion")
        .with("TRACE_ON", "true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Load, Mode, Pace, create_topics, run};
    use std::thread;
    use std::time::Duration;

    fn responder() -> SocketAddr {
        let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve(&listener, None));
        address
    }

    #[test]
    fn every_request_is_answered_in_both_encodings_and_at_each_pace() {
        let address = responder();
        for header in [SerializeType::Json, SerializeType::Binary] {
            for pace in [Pace::Closed, Pace::Rounds, Pace::Rate(2_000.0)] {
                let load = Load {
                    header,
                    pace,
                    connections: 3,
                    depth: 4,
                    threads: 2,
                    warm_up: Duration::from_millis(50),
                    measured: Duration::from_millis(300),
                    ..Load::new(address)
                };
                create_topics(&load).unwrap();
                let mut moments = Vec::new();
                let tally = run(&load, |moment| {
                    moments.push(moment);
                    Ok(())
                })
                .unwrap();
                assert_eq!(tally.troubles(), Vec::<String>::new());
                assert_eq!(moments, [crate::Moment::Begin, crate::Moment::End]);
                if pace == Pace::Rate(2_000.0) {
                    assert_eq!(tally.latency.len(), 600);
                }
                assert!(tally.answered > 100, "{}", tally.answered);
            }
        }
    }

    #[test]
    fn what_came_is_on_the_disk_before_it_is_answered() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::prepare(folder.path()).unwrap();
        let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve(&listener, Some(disk)));
        let load =
            Load { measured: Duration::from_millis(100), warm_up: Duration::ZERO, ..Load::new(address) };
        let tally = run(&load, |_| Ok(())).unwrap();
        let written = std::fs::read(folder.path().join("responder")).unwrap();
        let there = written.windows(load.topic.len()).filter(|bytes| *bytes == load.topic.as_bytes()).count();
        assert!(tally.answered > 0 && there as u64 >= tally.answered, "{there} of {}", tally.answered);
    }

    #[test]
    fn what_takes_longer_than_the_pace_allows_is_told() {
        let load = Load { mode: Mode::EndToEnd, size: 8, ..Load::new(responder()) };
        assert!(run(&load, |_| Ok(())).is_err());
    }
}
