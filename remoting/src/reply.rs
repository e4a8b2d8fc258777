//! Answers: where they go, what they say, and the buffer that they leave through.

use crate::ResponseCode;
use crate::codec::{Head, HeaderWriter};
use crate::command::{Command, FLAG_RESPONSE, SerializeType};
use crate::header::HeaderError;
use crate::language::{Language, OUR_VERSION};
use bytes::{BufMut as _, Bytes, BytesMut};
use std::collections::VecDeque;
use std::io::IoSlice;

/// What is needed to answer a request later: its opaque and encoding, and whether an answer is wanted at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    opaque: i32,
    serialize_type: SerializeType,
    oneway: bool,
}

impl Command<'_> {
    /// Where the answer to this request goes.
    #[must_use]
    pub fn reply_to(&self) -> ReplyTo {
        ReplyTo { opaque: self.opaque, serialize_type: self.serialize_type, oneway: self.is_oneway() }
    }
}

/// A refusal: the code and the text that the client shows to its user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {remark}")]
pub struct Refusal {
    /// Response code.
    pub code: ResponseCode,
    /// What was wrong, and what to do about it.
    pub remark: String,
}

impl Refusal {
    /// A refusal with this code and text.
    #[must_use]
    pub fn new(code: ResponseCode, remark: impl Into<String>) -> Self {
        Self { code, remark: remark.into() }
    }
}

impl From<HeaderError> for Refusal {
    fn from(error: HeaderError) -> Self {
        Self::new(ResponseCode::SYSTEM_ERROR, error.to_string())
    }
}

impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Self {
        Self::new(
            ResponseCode::SYSTEM_ERROR,
            format!("the request body is not the JSON this code expects: {error}"),
        )
    }
}

/// An answer put together from owned parts: for everything but the hot paths, which write to [`Outbound`] directly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    code: ResponseCode,
    remark: Option<String>,
    fields: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Default for ResponseCode {
    fn default() -> Self {
        Self::SUCCESS
    }
}

impl Answer {
    /// Success without fields or body.
    #[must_use]
    pub fn ok() -> Self {
        Self::default()
    }

    /// Success with a JSON body, in fastjson's form.
    #[must_use]
    pub fn json(body: &impl serde::Serialize) -> Self {
        Self::ok().with_body(crate::fastjson::to_vec(body))
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a header field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.fields.push((name, value.to_string()));
        self
    }

    /// Sets another code than success.
    #[must_use]
    pub fn with_code(mut self, code: ResponseCode, remark: impl Into<String>) -> Self {
        self.code = code;
        self.remark = Some(remark.into());
        self
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::ok().with_code(refusal.code, refusal.remark)
    }
}

/// What waits to be written to a connection: small answers encoded back to back, and shared slices (message bodies
/// straight from the mapped log) between them, all leaving in one vectored write.
#[derive(Debug, Default)]
pub struct Outbound {
    queue: VecDeque<Bytes>,
    tail: BytesMut,
    queued: usize,
    /// Answers put here that nobody has counted yet.
    answers: usize,
}

/// Slices handed to one vectored write; the kernel takes 1,024.
const MAX_SLICES: usize = 64;

impl Outbound {
    /// Bytes that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queued + self.tail.len()
    }

    /// True when nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many answers were put here since this was asked last.
    pub(crate) fn take_answers(&mut self) -> usize {
        std::mem::take(&mut self.answers)
    }

    /// Appends an encoded frame.
    pub fn put(&mut self, frame: &[u8]) {
        self.tail.put_slice(frame);
    }

    /// Answers with fields and a body that is copied.
    pub fn respond(
        &mut self,
        to: ReplyTo,
        code: ResponseCode,
        fields: impl FnOnce(&mut HeaderWriter<'_>),
        body: &[u8],
    ) {
        if let Some(out) = self.header(to, code, fields, body.len()) {
            out.put_slice(body);
        }
    }

    /// Answers with fields and a body that is not copied: `body` yields `body_len` bytes in all.
    pub fn respond_shared(
        &mut self,
        to: ReplyTo,
        code: ResponseCode,
        fields: impl FnOnce(&mut HeaderWriter<'_>),
        body: impl IntoIterator<Item = Bytes>,
        body_len: usize,
    ) {
        if self.header(to, code, fields, body_len).is_none() {
            return;
        }
        for slice in body {
            self.seal_tail();
            self.queued += slice.len();
            self.queue.push_back(slice);
        }
    }

    /// Answers with a code and a text.
    pub fn refuse(&mut self, to: ReplyTo, code: ResponseCode, remark: &str) {
        self.respond(to, code, |header| header.remark(remark), &[]);
    }

    /// Sends an answer put together before.
    pub fn answer(&mut self, to: ReplyTo, answer: &Answer) {
        let fields = |header: &mut HeaderWriter<'_>| {
            if let Some(remark) = &answer.remark {
                header.remark(remark);
            }
            for (name, value) in &answer.fields {
                header.field(name, value);
            }
        };
        // A large body is shared, a small one is cheaper copied than sliced.
        if answer.body.len() > 4096 {
            self.respond_shared(to, answer.code, fields, [answer.body.clone()], answer.body.len());
        } else {
            self.respond(to, answer.code, fields, &answer.body);
        }
    }

    fn header(
        &mut self,
        to: ReplyTo,
        code: ResponseCode,
        fields: impl FnOnce(&mut HeaderWriter<'_>),
        body_len: usize,
    ) -> Option<&mut BytesMut> {
        if to.oneway {
            return None;
        }
        let head = Head {
            serialize_type: to.serialize_type,
            code: code.0,
            language: Language::JAVA,
            version: OUR_VERSION,
            opaque: to.opaque,
            flag: FLAG_RESPONSE,
        };
        self.answers += 1;
        let mut header = HeaderWriter::begin(&mut self.tail, head);
        fields(&mut header);
        Some(header.finish(body_len))
    }

    fn seal_tail(&mut self) {
        if !self.tail.is_empty() {
            self.queued += self.tail.len();
            self.queue.push_back(self.tail.split().freeze());
        }
    }

    /// Hands the waiting slices to `write` until it is empty or `write` says that it would block.
    pub(crate) fn drain(
        &mut self,
        mut write: impl FnMut(&[IoSlice<'_>]) -> std::io::Result<usize>,
    ) -> std::io::Result<()> {
        while !self.is_empty() {
            let written = if self.queue.is_empty() {
                write(&[IoSlice::new(&self.tail)])
            } else {
                let waiting = self.queue.iter().map(|b| &b[..]).chain([&self.tail[..]]);
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let count =
                    slices.iter_mut().zip(waiting).map(|(slice, bytes)| *slice = IoSlice::new(bytes)).count();
                write(slices.get(..count).unwrap_or_default())
            };
            match written {
                Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
                Ok(written) => self.consume(written),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.is_empty() && self.tail.capacity() > IDLE_CAPACITY {
            // An idle connection keeps no buffer.
            self.tail = BytesMut::new();
        }
        Ok(())
    }

    fn consume(&mut self, mut written: usize) {
        while let Some(front) = self.queue.front_mut() {
            if written < front.len() {
                let _ = front.split_to(written);
                self.queued -= written;
                return;
            }
            written -= front.len();
            self.queued -= front.len();
            self.queue.pop_front();
        }
        if written == self.tail.len() {
            self.tail.clear();
        } else {
            let _ = self.tail.split_to(written);
        }
    }
}

/// Buffer that a quiet connection may keep.
const IDLE_CAPACITY: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CommandBuf;
    use crate::frame::split;

    fn to(oneway: bool) -> ReplyTo {
        ReplyTo { opaque: 9, serialize_type: SerializeType::Json, oneway }
    }

    #[test]
    fn partial_writes_lose_and_repeat_nothing() {
        let mut out = Outbound::default();
        for n in 0..50_u8 {
            out.respond(to(false), ResponseCode::SUCCESS, |h| h.int_field("n", n.into()), b"copied");
            let shared = Bytes::from(vec![n; 10]);
            out.respond_shared(to(false), ResponseCode::SUCCESS, |_| {}, [shared.clone(), shared], 20);
        }
        let (mut stream, mut turn) = (Vec::new(), 0);
        while !out.is_empty() {
            out.drain(|slices| {
                turn += 1;
                if turn % 3 == 0 {
                    return Err(std::io::ErrorKind::WouldBlock.into());
                }
                let all: Vec<u8> = slices.iter().flat_map(|s| s.iter().copied()).collect();
                let taken = all.len().min(7 * turn);
                stream.extend(&all[..taken]);
                Ok(taken)
            })
            .unwrap();
        }
        let mut rest = &stream[..];
        for n in 0..50_u8 {
            let first = split(rest).unwrap().unwrap();
            assert_eq!(first.body, b"copied");
            assert_eq!(CommandBuf::decode(first).unwrap().find("n"), Some(n.to_string().as_str()));
            rest = &rest[first.len..];
            let second = split(rest).unwrap().unwrap();
            assert_eq!(second.body, [n; 20]);
            rest = &rest[second.len..];
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn a_oneway_request_is_never_answered() {
        let mut out = Outbound::default();
        out.refuse(to(true), ResponseCode::SYSTEM_ERROR, "no");
        out.respond_shared(to(true), ResponseCode::SUCCESS, |_| {}, [Bytes::from_static(b"x")], 1);
        out.answer(to(true), &Answer::ok());
        assert!(out.is_empty());
    }
}
