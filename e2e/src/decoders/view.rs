//! What a decoder made of bytes, whichever decoder.

use std::collections::BTreeMap;
use std::fmt;

/// What the bytes are taken for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// A frame behind its length.
    Command,
    /// A record of the CommitLog.
    Record,
    /// The body of a batch.
    Batch,
    /// A string of properties.
    Properties,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Command => "commands",
            Self::Record => "records",
            Self::Batch => "batches",
            Self::Properties => "properties",
        })
    }
}

/// Bytes for both.
#[derive(Clone, Debug)]
pub struct Input {
    pub kind: Kind,
    pub bytes: Vec<u8>,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} \"{}\"", self.kind, self.bytes.escape_ascii())
    }
}

/// Pairs of text; of equal names the last.
pub(super) type Pairs = BTreeMap<String, String>;

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub enum View {
    /// Nothing, and why.
    Refused(String),
    Command(Command),
    Record(Box<Record>),
    Batch(Vec<Element>),
    Properties(Pairs),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    pub code: i32,
    /// The number of the language; -1 for one that has none.
    pub language: i32,
    pub version: i32,
    pub opaque: i32,
    pub flag: i32,
    pub remark: Option<String>,
    pub fields: Pairs,
    pub body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub queue_id: i32,
    pub flag: i32,
    pub queue_offset: i64,
    pub physical_offset: i64,
    pub sys_flag: i32,
    pub born_timestamp: i64,
    pub born_host: Host,
    pub store_timestamp: i64,
    pub store_host: Host,
    pub reconsume_times: i32,
    pub prepared_transaction_offset: i64,
    pub body_crc: i32,
    pub body: Vec<u8>,
    pub topic: String,
    pub properties: Pairs,
}

/// Address and port.
pub(super) type Host = (Vec<u8>, i32);

#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    pub flag: i32,
    pub body: Vec<u8>,
    pub properties: Pairs,
}
