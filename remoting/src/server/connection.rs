//! One connection: read, execute, write, wait.

use super::{Limits, Peer, Session};
use crate::codec::{DecodeError, Decoder};
use crate::frame::{self, FrameError};
use crate::reply::Outbound;
use bytes::{Buf as _, BytesMut};
use std::cell::RefCell;
use std::fmt;
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Sleep;

/// Bytes that one read may take: a turn's worth of pipelined requests.
const READ: usize = 256 * 1024;
/// Bytes of an unfinished frame up to which reads land where all do.
const SMALL: usize = 4 * 1024;
/// Bytes that one turn may take before other connections get theirs.
const TURN: usize = 1024 * 1024;

thread_local! {
    /// Where reads land. A frame that is whole is executed from here; only the piece of an unfinished one moves to its
    /// connection's own buffer. So a quiet connection owns no read buffer at all.
    static LANDING: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into_boxed_slice());
    static DECODER: RefCell<Decoder> = RefCell::default();
}

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum Ended {
    ByPeer,
    ByUs,
    Idle,
    SlowFrame,
    NotReading,
    InFlight,
    Io(io::Error),
    Frame(FrameError),
    Header(DecodeError),
    Tls,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByPeer => f.write_str("closed by the client"),
            Self::ByUs => f.write_str("closed by us"),
            Self::Idle => f.write_str("idle for too long"),
            Self::SlowFrame => f.write_str("a frame did not arrive in time"),
            Self::NotReading => f.write_str("the client does not read its answers"),
            Self::InFlight => f.write_str("too many requests without an answer"),
            Self::Io(error) => write!(f, "{error}"),
            Self::Frame(error) => write!(f, "malformed frame: {error}"),
            Self::Header(error) => write!(f, "malformed header: {error}"),
            Self::Tls => f.write_str("the client wants TLS, which is not switched on"),
        }
    }
}

pub(super) struct Connection<S> {
    stream: TcpStream,
    peer: Arc<Peer>,
    session: S,
    limits: Arc<Limits>,
    out: Outbound,
    /// The beginning of a frame whose rest has not come.
    partial: BytesMut,
    partial_since: Option<(Instant, usize)>,
    /// What is left has whole frames that may not be executed yet.
    stalled: bool,
    /// Requests without an answer.
    in_flight: usize,
    last_active: Instant,
    /// Since when the client takes nothing of what waits for it.
    unsent_since: Option<Instant>,
    timer: Option<(Pin<Box<Sleep>>, Instant)>,
}

impl<S: Session> Connection<S> {
    pub(super) fn new(stream: TcpStream, peer: Arc<Peer>, session: S, limits: Arc<Limits>) -> Self {
        Self {
            stream,
            peer,
            session,
            limits,
            out: Outbound::default(),
            partial: BytesMut::new(),
            partial_since: None,
            stalled: false,
            in_flight: 0,
            last_active: Instant::now(),
            unsent_since: None,
            timer: None,
        }
    }

    pub(super) async fn run(mut self, mut closing: watch::Receiver<bool>) -> Ended {
        let closed = closing.wait_for(|close| *close);
        tokio::pin!(closed);
        let why = poll_fn(|cx| {
            if closed.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ended::ByUs);
            }
            match self.poll_turn(cx) {
                Ok(()) => Poll::Pending,
                Err(why) => Poll::Ready(why),
            }
        })
        .await;
        // What is ready goes out, as far as the client takes it at once; nobody waits for it here.
        self.session.wake(&mut self.out);
        self.peer.take_pushed(&mut self.out);
        let _ = self.out.drain(|slices| self.stream.try_write_vectored(slices));
        self.peer.mark_closed();
        self.session.disconnect();
        why
    }

    /// Everything that can be done without waiting; on return, the task is woken by the socket, the peer or the timer.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Result<(), Ended> {
        self.peer.register(cx.waker());
        if self.peer.is_close_asked() {
            return Err(Ended::ByUs);
        }
        let read = self.read(cx);
        self.session.turn_over(&mut self.out);
        if self.peer.take_woken() || self.session.deadline().is_some_and(|at| at <= Instant::now()) {
            self.session.wake(&mut self.out);
            self.peer.take_pushed(&mut self.out);
        }
        let answers = self.out.take_answers() + self.peer.take_answered();
        self.in_flight = self.in_flight.saturating_sub(answers);
        // A client that closed its half after its last request still gets the answers.
        let written = self.write(cx).map_err(Ended::Io);
        let more = read?;
        written?;
        self.check_limits()?;
        if ((more || self.stalled) && self.may_read()) || self.poll_timer(cx) {
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    /// True when the timer fired. It fires at or before the next deadline; deadlines only move back while traffic flows,
    /// so it is rarely set anew, never per request.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let own = [
            Some(self.last_active + self.limits.idle),
            self.partial_since.map(|(since, _)| since + self.limits.frame),
            self.unsent_since.map(|since| since + self.limits.write),
            self.session.deadline(),
        ];
        let Some(due) = own.into_iter().flatten().min() else { return false };
        let (sleep, at) =
            self.timer.get_or_insert_with(|| (Box::pin(tokio::time::sleep_until(due.into())), due));
        if *at > due {
            sleep.as_mut().reset(due.into());
            *at = due;
        }
        let fired = sleep.as_mut().poll(cx).is_ready();
        if fired {
            self.timer = None;
        }
        fired
    }

    /// Reads until the socket is drained, executing what is whole. True when it stopped before that.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, Ended> {
        if self.stalled {
            let bytes = std::mem::take(&mut self.partial);
            self.execute_partial(bytes)?;
            if self.stalled {
                return Ok(true);
            }
        }
        let mut taken = 0;
        while taken < TURN && self.may_read() {
            let n = if self.partial.is_empty() {
                LANDING.with_borrow_mut(|landing| self.read_to_landing(cx, landing))?
            } else {
                self.read_to_partial(cx)?
            };
            match n {
                None => return Ok(false),
                Some(n) => taken += n,
            }
            self.last_active = Instant::now();
        }
        Ok(true)
    }

    fn may_read(&self) -> bool {
        self.out.len() < self.limits.unsent && self.peer.background() < self.limits.in_background
    }

    fn read_to_landing(&mut self, cx: &mut Context<'_>, landing: &mut [u8]) -> Result<Option<usize>, Ended> {
        let Some(n) = self.poll_read(cx, landing)? else { return Ok(None) };
        let bytes = landing.get(..n).unwrap_or_default();
        let used = self.execute(bytes)?;
        if used < n {
            self.partial.extend_from_slice(bytes.get(used..).unwrap_or_default());
            self.partial_since = (!self.stalled).then(|| (Instant::now(), self.partial.len()));
        }
        Ok(Some(n))
    }

    fn read_to_partial(&mut self, cx: &mut Context<'_>) -> Result<Option<usize>, Ended> {
        if self.partial.len() < SMALL {
            return LANDING.with_borrow_mut(|landing| self.read_a_little_more(cx, landing));
        }
        // Grown by what arrives, never by what a header promises.
        let had = self.partial.len();
        self.partial.resize(had + had.clamp(SMALL, READ), 0);
        let mut bytes = std::mem::take(&mut self.partial);
        let n = self.poll_read(cx, bytes.get_mut(had..).unwrap_or_default());
        bytes.truncate(had + n.as_ref().ok().copied().flatten().unwrap_or(0));
        let Some(n) = n? else {
            self.partial = bytes;
            return Ok(None);
        };
        self.execute_partial(bytes)?;
        Ok(Some(n))
    }

    /// Who has sent next to nothing is given no buffer either.
    fn read_a_little_more(
        &mut self,
        cx: &mut Context<'_>,
        landing: &mut [u8],
    ) -> Result<Option<usize>, Ended> {
        let Some(n) = self.poll_read(cx, landing)? else { return Ok(None) };
        let mut bytes = std::mem::take(&mut self.partial);
        bytes.extend_from_slice(landing.get(..n).unwrap_or_default());
        self.execute_partial(bytes)?;
        Ok(Some(n))
    }

    /// Executes what is whole of a frame that came in pieces, and what came behind it.
    fn execute_partial(&mut self, mut bytes: BytesMut) -> Result<(), Ended> {
        let used = self.execute(&bytes)?;
        bytes.advance(used);
        if bytes.is_empty() || self.stalled {
            self.partial_since = None;
        } else if used > 0 || self.partial_since.is_none() {
            self.partial_since = Some((Instant::now(), bytes.len()));
        }
        if !bytes.is_empty() {
            self.partial = bytes;
        }
        Ok(())
    }

    /// Tokio's `poll_read` rather than `try_read`: after a read that did not fill the buffer it knows that the socket is
    /// drained, which saves the system call that would only say so.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Result<Option<usize>, Ended> {
        let mut buffer = ReadBuf::new(buffer);
        match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => Err(Ended::ByPeer),
            Poll::Ready(Ok(())) => Ok(Some(buffer.filled().len())),
            Poll::Ready(Err(error)) => Err(Ended::Io(error)),
            Poll::Pending => Ok(None),
        }
    }

    /// Executes the whole frames in `bytes`, as many as may be; says how many bytes they took.
    fn execute(&mut self, bytes: &[u8]) -> Result<usize, Ended> {
        let mut rest = bytes;
        if rest.first() == Some(&0x16) {
            // A TLS ClientHello; as a frame it would be one of 369 MB.
            return Err(Ended::Tls);
        }
        self.stalled = false;
        DECODER.with_borrow_mut(|decoder| {
            while let Some(frame) = frame::split(rest).map_err(Ended::Frame)? {
                // A few bytes ask for megabytes: what one read brings may be too much at once.
                if !self.may_read() {
                    self.stalled = true;
                    break;
                }
                let command = decoder.decode(frame).map_err(Ended::Header)?;
                if command.is_response() {
                    self.peer.answered(command.to_buf());
                } else {
                    self.session.request(&command, &mut self.out);
                    self.in_flight += usize::from(!command.is_oneway());
                }
                rest = rest.get(frame.len..).unwrap_or_default();
            }
            Ok(bytes.len() - rest.len())
        })
    }

    fn write(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let before = self.out.len();
        let stream = &mut self.stream;
        self.out.drain(|slices| {
            let written = match slices {
                [one] => Pin::new(&mut *stream).poll_write(cx, one),
                many => Pin::new(&mut *stream).poll_write_vectored(cx, many),
            };
            match written {
                Poll::Ready(result) => result,
                Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            }
        })?;
        if self.out.is_empty() {
            self.unsent_since = None;
        } else if self.out.len() < before || self.unsent_since.is_none() {
            self.unsent_since = Some(Instant::now());
        }
        if self.out.len() < before {
            self.last_active = Instant::now();
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), Ended> {
        let now = Instant::now();
        let over = |since: Instant, limit: Duration| now.saturating_duration_since(since) >= limit;
        if self.in_flight > self.limits.in_flight {
            return Err(Ended::InFlight);
        }
        if over(self.last_active, self.limits.idle) {
            return Err(Ended::Idle);
        }
        if self.unsent_since.is_some_and(|since| over(since, self.limits.write)) {
            return Err(Ended::NotReading);
        }
        match self.partial_since {
            Some((since, had)) if over(since, self.limits.frame) => {
                let seconds = now.saturating_duration_since(since).as_secs_f64();
                let rate = (self.partial.len() - had.min(self.partial.len())) as f64 / seconds;
                if rate < self.limits.min_rate as f64 { Err(Ended::SlowFrame) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }
}
