//! A connection that never blocks.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use gantry_remoting::frame::{self, Frame};

/// How long a broker may take to accept.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes that come and bytes that go.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// The start of a frame of which the rest has not come.
    rest: Vec<u8>,
    /// What is to go out.
    pub(crate) out: Vec<u8>,
    written: usize,
}

/// Whether all of what was to go out went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Written {
    All,
    /// The socket takes no more for now.
    Some,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)
            .with_context(|| format!("connecting to {address}"))?;
        Self::new(stream)
    }

    pub(crate) fn new(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, rest: Vec::new(), out: Vec::new(), written: 0 })
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Writes what is to go out, as far as the socket takes it.
    pub(crate) fn flush(&mut self) -> Result<Written> {
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(0) => bail!("the connection takes nothing more"),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Written::Some),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("writing"),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(Written::All)
    }

    /// Reads once, and hands over each frame that is whole together with the buffer of what is to go out.
    pub(crate) fn receive(
        &mut self,
        scratch: &mut [u8],
        mut each: impl FnMut(Frame<'_>, &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let count = match self.stream.read(scratch) {
            Ok(0) => bail!("the peer closed the connection"),
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Ok(());
            }
            Err(error) => return Err(error).context("reading"),
        };
        let came = &scratch[..count];
        if self.rest.is_empty() {
            let used = frames(came, &mut self.out, &mut each)?;
            self.rest.extend_from_slice(&came[used..]);
        } else {
            self.rest.extend_from_slice(came);
            let used = frames(&self.rest, &mut self.out, &mut each)?;
            self.rest.drain(..used);
        }
        Ok(())
    }
}

/// Hands over the whole frames at the start of `bytes`; gives their length.
fn frames(
    bytes: &[u8],
    out: &mut Vec<u8>,
    each: &mut impl FnMut(Frame<'_>, &mut Vec<u8>) -> Result<()>,
) -> Result<usize> {
    let mut used = 0;
    while let Some(frame) = frame::split(&bytes[used..])? {
        used += frame.len;
        each(frame, out)?;
    }
    Ok(used)
}
