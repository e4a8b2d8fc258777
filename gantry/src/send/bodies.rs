//! Where the bodies come from: the command line, standard input, or made up.

use crate::output::note::note;
use anyhow::Context as _;
use bytes::Bytes;
use std::io::{BufRead as _, IsTerminal as _, Read as _, stdin};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Mutex, mpsc};

/// The one body: the argument, or all of standard input.
pub(super) fn single(argument: Option<String>) -> anyhow::Result<Bytes> {
    if let Some(body) = argument {
        return Ok(body.into());
    }
    tell_typist("type the body; Ctrl-D on a new line ends it");
    let mut body = Vec::new();
    stdin().lock().read_to_end(&mut body).context("cannot read the body from standard input")?;
    Ok(body.into())
}

fn tell_typist(text: &str) {
    if stdin().is_terminal() {
        note(text);
    }
}

/// Bodies one after the other, each with its number from 1 on.
#[derive(Debug)]
pub(super) enum Bodies {
    /// The same, or made up by number.
    Repeated { count: u64, taken: AtomicU64, body: Option<Bytes>, size: usize },
    /// Lines, by their line numbers.
    Lines(Mutex<mpsc::Receiver<std::io::Result<(u64, Bytes)>>>),
}

impl Bodies {
    /// `body` or one of `size` bytes, `count` times.
    pub(super) fn repeated(count: u64, body: Option<Bytes>, size: usize) -> Self {
        Self::Repeated { count, taken: AtomicU64::new(0), body, size }
    }

    /// The lines of standard input, without those that are empty.
    pub(super) fn lines() -> Self {
        tell_typist("each line you type is sent; Ctrl-D ends");
        let (lines, next) = mpsc::channel(64);
        // A thread of its own, not the runtime's: reading may never end, and must not keep the program from ending.
        std::thread::spawn(move || read_lines(&lines));
        Self::Lines(Mutex::new(next))
    }

    /// The next one.
    ///
    /// # Errors
    /// When standard input cannot be read.
    pub(super) async fn next(&self) -> std::io::Result<Option<(u64, Bytes)>> {
        match self {
            Self::Repeated { count, taken, body, size } => {
                let number = taken.fetch_add(1, Ordering::Relaxed) + 1;
                Ok((number <= *count)
                    .then(|| (number, body.clone().unwrap_or_else(|| made_up(number, *size)))))
            }
            Self::Lines(lines) => lines.lock().await.recv().await.transpose(),
        }
    }
}

fn read_lines(lines: &mpsc::Sender<std::io::Result<(u64, Bytes)>>) {
    let mut input = stdin().lock();
    for number in 1.. {
        let mut line = Vec::new();
        let read = input.read_until(b'\n', &mut line);
        let line = match read {
            Ok(0) => return,
            Ok(_) => without_line_end(line),
            Err(error) => {
                let _ = lines.blocking_send(Err(error));
                return;
            }
        };
        if !line.is_empty() && lines.blocking_send(Ok((number, line.into()))).is_err() {
            return;
        }
    }
}

fn without_line_end(mut line: Vec<u8>) -> Vec<u8> {
    if line.ends_with(b"\n") {
        line.pop();
        if line.ends_with(b"\r") {
            line.pop();
        }
    }
    line
}

/// A body that tells its number, as far as it fits, and is else the alphabet.
fn made_up(number: u64, size: usize) -> Bytes {
    let mut body = format!("message {number} ").into_bytes();
    body.truncate(size);
    body.extend((b'a'..=b'z').cycle().take(size - body.len()));
    body.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_number_is_given_once() {
        let bodies = Bodies::repeated(3, None, 20);
        let mut taken = Vec::new();
        while let Some((number, body)) = bodies.next().await.unwrap() {
            taken.push((number, body.len()));
        }
        assert_eq!(taken, [(1, 20), (2, 20), (3, 20)]);
    }

    #[test]
    fn made_up_bodies_have_their_size_and_number() {
        assert_eq!(made_up(7, 15), &b"message 7 abcde"[..]);
        assert_eq!(made_up(7, 3), &b"mes"[..]);
    }

    #[test]
    fn both_line_ends_are_cut_off_and_nothing_else() {
        assert_eq!(without_line_end(b"a\r\n".to_vec()), b"a");
        assert_eq!(without_line_end(b"a \n".to_vec()), b"a ");
        assert_eq!(without_line_end(b"a\r".to_vec()), b"a\r", "the last line has no end");
    }
}
