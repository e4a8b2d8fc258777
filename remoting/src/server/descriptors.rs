//! The process's open files: how many of them connections may have, and what becomes of a client when there is none left.
//!
//! A server that spends its last file on a client cannot open the next file of its log. So connections of all its servers
//! together get a share of what the system allows, and a client beyond that is refused as long as there is still a file to
//! refuse it with.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::File;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// Connections of all servers of this process.
static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);

/// Files that connections leave to others: an eighth of all, within these bounds, and never more than half. A store has some
/// six hundred open.
const KEPT: (u64, u64) = (768, 8_192);
/// How often refusals are told of.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Most connections that the process may have, by the system's limit of open files. The first call raises that limit as far as
/// the process may.
fn room() -> usize {
    static ROOM: OnceLock<usize> = OnceLock::new();
    *ROOM.get_or_init(|| {
        let mut limit = getrlimit(Resource::Nofile);
        if limit.current != limit.maximum {
            let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
            match setrlimit(Resource::Nofile, raised) {
                Ok(()) => limit = raised,
                Err(error) => tracing::warn!(%error, "cannot raise the limit of open files"),
            }
        }
        let room = room_of(limit.current);
        tracing::debug!(files = limit.current, connections = room, "room for connections");
        room
    })
}

/// Of how many files, if there is a limit.
fn room_of(files: Option<u64>) -> usize {
    let Some(files) = files else { return usize::MAX };
    let kept = (files / 8).clamp(KEPT.0, KEPT.1).min(files / 2);
    usize::try_from(files.saturating_sub(kept)).unwrap_or(usize::MAX).max(1)
}

/// A connection's place among all of them.
#[derive(Debug)]
pub(super) struct Place(());

impl Place {
    /// A place, if there is one left.
    pub(super) fn take() -> Option<Self> {
        let room = room();
        let taken = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
        let place = Self(());
        (taken < room).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        CONNECTIONS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A file kept open for the moment when there is no other: closed, it lets a client be taken and sent away, who would else
/// wait for an answer that nobody gives.
#[derive(Debug, Default)]
pub(super) struct Spare(Option<File>);

impl Spare {
    pub(super) fn new() -> Self {
        Self(File::open("/dev/null").ok())
    }

    /// After `error`, sends the next client away. False when that was not possible: then somebody else has to close a file first.
    pub(super) async fn send_away(&mut self, listener: &TcpListener, error: &io::Error) -> bool {
        let no_file = [Errno::MFILE, Errno::NFILE]
            .iter()
            .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()));
        if !no_file || self.0.take().is_none() {
            *self = Self::new();
            return false;
        }
        // It waits already: it is why there was an error.
        let sent_away = tokio::time::timeout(Duration::from_millis(10), listener.accept()).await;
        let done = matches!(sent_away, Ok(Ok(_)));
        drop(sent_away);
        *self = Self::new();
        done
    }
}

/// Tells of refusals, once in a while, with how many there were.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    count: u64,
    told: Option<Instant>,
}

impl Refusals {
    pub(super) fn add(&mut self, why: &str) {
        self.count += 1;
        if self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            tracing::warn!(refused = self.count, why, "connections refused");
            (self.count, self.told) = (0, Some(Instant::now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_file_the_next_client_is_sent_away() {
        use tokio::io::AsyncReadExt as _;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut spare = Spare::new();
        let none_left = io::Error::from_raw_os_error(Errno::MFILE.raw_os_error());
        for _ in 0..2 {
            let mut client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            assert!(spare.send_away(&listener, &none_left).await);
            assert_eq!(client.read(&mut [0]).await.unwrap_or(0), 0, "closed");
        }
        assert!(!spare.send_away(&listener, &none_left).await, "nobody waits");
        let other = io::Error::from(io::ErrorKind::ConnectionAborted);
        assert!(!spare.send_away(&listener, &other).await, "no reason to take anybody");
    }

    #[test]
    fn connections_leave_files_to_others() {
        assert_eq!(room_of(Some(20_000)), 17_500);
        assert_eq!(room_of(Some(1_000_000)), 1_000_000 - 8_192);
        assert_eq!(room_of(Some(1024)), 512);
        assert_eq!(room_of(Some(0)), 1, "it could not even start, but does not add up to nothing");
        assert_eq!(room_of(None), usize::MAX);
    }
}
