//! One process of the crowd.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use socket2::{Domain, Socket, Type};

use crate::scale::raise_limits;

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Idle,
    /// Sends a byte of a frame in its turn, and begins anew when it is closed.
    Dripping,
    /// Sends what is no frame, and begins anew in its next turn when it is closed.
    Garbage,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Dripping => "dripping",
            Self::Garbage => "garbage",
        }
    }
}

/// A frame of which only the beginning is ever sent.
const FRAME: &[u8] =
    b"\0\0\x40\0\0\0\0\x60{\"code\":310,\"extFields\":{\"a\":\"p\",\"b\":\"T\",\"c\":\"TBW102\",\"d\":\"4\"";

/// Has `count` connections of that kind to the broker on that port, for ever; each has its turn so often.
pub fn be(kind: &str, port: u16, count: usize, number: u8, every: Duration) -> Result<()> {
    let kinds = [Kind::Idle, Kind::Dripping, Kind::Garbage];
    let Some(kind) = kinds.into_iter().find(|known| known.name() == kind) else { bail!("no kind {kind}") };
    raise_limits()?;
    // Ports are counted by address: each thousand has its own.
    let from = |n: usize| Ipv4Addr::new(127, 50 + number, (n / 1000) as u8, 1);
    let mut members: Vec<Member> =
        (0..count).map(|n| Member { from: from(n), stream: None, sent: 0 }).collect();
    // Who says nothing has nothing to do either, but to see once in a while whether it is still there.
    let round = if kind == Kind::Idle { Duration::from_secs(20) } else { every };
    // All come at once, and then take their turns one after the other: a crowd is no choir.
    let mut is_first = true;
    loop {
        for some in members.chunks_mut(count.div_ceil(SLICES)) {
            let start = Instant::now();
            some.iter_mut().for_each(|member| member.turn(kind, port));
            if !is_first {
                thread::sleep((round / SLICES as u32).saturating_sub(start.elapsed()));
            }
        }
        is_first = false;
    }
}

/// Parts of a round.
const SLICES: usize = 100;

struct Member {
    from: Ipv4Addr,
    stream: Option<TcpStream>,
    /// Bytes of the frame.
    sent: usize,
}

impl Member {
    fn turn(&mut self, kind: Kind, port: u16) {
        if self.stream.as_ref().is_some_and(is_closed) {
            self.stream = None;
        }
        if self.stream.is_none() {
            // A refusal is tried again with the next turn.
            self.stream = connect(self.from, port).ok();
            self.sent = 0;
        }
        let Some(stream) = &mut self.stream else { return };
        let done = match kind {
            Kind::Idle => Ok(()),
            Kind::Dripping => {
                let byte = [FRAME[self.sent % FRAME.len()]];
                self.sent += 1;
                stream.write_all(&byte)
            }
            Kind::Garbage => stream.write_all(&[0xEE; 300]),
        };
        if done.is_err() {
            self.stream = None;
        }
    }
}

fn connect(from: Ipv4Addr, port: u16) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    socket.connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into(), Duration::from_secs(2))?;
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(true)?;
    Ok(stream)
}

fn is_closed(stream: &TcpStream) -> bool {
    let mut byte = [0];
    match (&mut &*stream).read(&mut byte) {
        Ok(n) => n == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}
