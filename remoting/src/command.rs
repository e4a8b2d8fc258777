//! A command: what one frame says, request or response.
//!
//! [`Command`] borrows from the frame and lives for one call of a handler; [`CommandBuf`] owns its parts and is what a
//! client sends and receives.

use crate::codec::{self, DecodeError, Decoder};
use crate::frame;
use crate::language::{Language, OUR_VERSION};
use crate::{RequestCode, ResponseCode};
use bytes::{Bytes, BytesMut};
use std::borrow::Cow;

/// Flag bit of a response.
pub const FLAG_RESPONSE: i32 = 1;
/// Flag bit of a request that wants no response, not even an error.
pub const FLAG_ONEWAY: i32 = 2;

/// How a header is encoded. A response mirrors its request: C++ knows JSON only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SerializeType {
    /// JSON text.
    #[default]
    Json,
    /// The compact binary form that Apache calls ROCKETMQ.
    Binary,
}

/// A command, borrowed from its frame.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    /// How the header was encoded.
    pub serialize_type: SerializeType,
    /// Request or response code.
    pub code: i32,
    /// The sender's language.
    pub language: Language,
    /// The sender's version ordinal.
    pub version: i32,
    /// Matches a response to its request.
    pub opaque: i32,
    /// [`FLAG_RESPONSE`] and [`FLAG_ONEWAY`].
    pub flag: i32,
    /// Error text, if any.
    pub remark: Option<&'a str>,
    /// Header fields.
    pub ext: ExtFields<'a>,
    /// Body; empty when absent.
    pub body: &'a [u8],
}

impl Command<'_> {
    /// The code of a request.
    #[must_use]
    pub fn request_code(&self) -> RequestCode {
        RequestCode(self.code)
    }

    /// True for a response.
    #[must_use]
    pub fn is_response(&self) -> bool {
        self.flag & FLAG_RESPONSE != 0
    }

    /// True for a request that must not be answered.
    #[must_use]
    pub fn is_oneway(&self) -> bool {
        self.flag & FLAG_ONEWAY != 0
    }

    /// A copy that owns its parts.
    #[must_use]
    pub fn to_buf(&self) -> CommandBuf {
        CommandBuf {
            serialize_type: self.serialize_type,
            code: self.code,
            language: self.language,
            version: self.version,
            opaque: self.opaque,
            flag: self.flag,
            remark: self.remark.map(str::to_owned),
            ext: self.ext.iter().map(|(k, v)| (Cow::Owned(k.to_owned()), v.to_owned())).collect(),
            body: Bytes::copy_from_slice(self.body),
        }
    }
}

/// Header fields: pairs of text, in the order they were sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExtFields<'a> {
    pub(crate) source: codec::Source<'a>,
    pub(crate) spans: &'a [codec::Pair],
}

impl<'a> ExtFields<'a> {
    /// The pairs.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let source = self.source;
        self.spans.iter().map(move |pair| (source.text(pair.key), source.text(pair.value)))
    }

    /// The value of `name`; the last one when it stands twice, as a Java map would have it.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'a str> {
        self.iter().filter(|(key, _)| *key == name).last().map(|(_, value)| value)
    }
}

/// A command that owns its parts.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CommandBuf {
    /// See [`Command`].
    pub serialize_type: SerializeType,
    /// See [`Command`].
    pub code: i32,
    /// See [`Command`].
    pub language: Language,
    /// See [`Command`].
    pub version: i32,
    /// See [`Command`].
    pub opaque: i32,
    /// See [`Command`].
    pub flag: i32,
    /// See [`Command`].
    pub remark: Option<String>,
    /// See [`Command`].
    pub ext: Vec<(Cow<'static, str>, String)>,
    /// See [`Command`].
    pub body: Bytes,
}

impl CommandBuf {
    /// A request without fields; the client gives it its opaque.
    #[must_use]
    pub fn request(code: RequestCode) -> Self {
        Self { code: code.0, version: OUR_VERSION, ..Self::default() }
    }

    /// Adds a header field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.ext.push((Cow::Borrowed(name), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Marks the request as one that wants no response.
    #[must_use]
    pub fn oneway(mut self) -> Self {
        self.flag |= FLAG_ONEWAY;
        self
    }

    /// The code of a response.
    #[must_use]
    pub fn response_code(&self) -> ResponseCode {
        ResponseCode(self.code)
    }

    /// True for a response.
    #[must_use]
    pub fn is_response(&self) -> bool {
        self.flag & FLAG_RESPONSE != 0
    }

    /// The value of a header field.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&str> {
        self.ext.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Appends the whole frame to `out`.
    pub fn encode(&self, out: &mut BytesMut) {
        codec::encode(self, out);
    }

    /// The command in a frame found by [`frame::split`].
    ///
    /// # Errors
    /// When the header is not of its type.
    pub fn decode(frame: frame::Frame<'_>) -> Result<Self, DecodeError> {
        Decoder::default().decode(frame).map(|command| command.to_buf())
    }
}
