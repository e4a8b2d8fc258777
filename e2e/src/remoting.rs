//! The least of the wire protocol that checks need: one blocking connection, one request at a time, JSON headers.
//!
//! Written apart from Gantry's own codec on purpose: a mistake made there must not be made here as well.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(40);
const RESPONSE: u64 = 1;
const MAX_FRAME: usize = 16 * 1024 * 1024;

pub mod code {
    pub const PULL_MESSAGE: i32 = 11;
    pub const QUERY_MESSAGE: i32 = 12;
    pub const QUERY_CONSUMER_OFFSET: i32 = 14;
    pub const UPDATE_CONSUMER_OFFSET: i32 = 15;
    pub const UPDATE_AND_CREATE_TOPIC: i32 = 17;
    pub const UPDATE_AND_CREATE_TOPIC_LIST: i32 = 18;
    pub const GET_ALL_TOPIC_CONFIG: i32 = 21;
    pub const GET_BROKER_RUNTIME_INFO: i32 = 28;
    pub const GET_MAX_OFFSET: i32 = 30;
    pub const GET_MIN_OFFSET: i32 = 31;
    pub const VIEW_MESSAGE_BY_ID: i32 = 33;
    pub const HEART_BEAT: i32 = 34;
    pub const CONSUMER_SEND_MSG_BACK: i32 = 36;
    pub const END_TRANSACTION: i32 = 37;
    pub const CHECK_TRANSACTION_STATE: i32 = 39;
    pub const LOCK_BATCH_MQ: i32 = 41;
    pub const UNLOCK_BATCH_MQ: i32 = 42;
    pub const GET_BROKER_CLUSTER_INFO: i32 = 106;
    pub const GET_ALL_SUBSCRIPTIONGROUP_CONFIG: i32 = 201;
    pub const GET_TOPIC_STATS_INFO: i32 = 202;
    pub const GET_CONSUME_STATS: i32 = 208;
    pub const GET_TOPIC_CONFIG: i32 = 351;
    pub const SEND_MESSAGE_V2: i32 = 310;
    pub const DELETE_TOPIC_IN_BROKER: i32 = 215;
    pub const INVOKE_BROKER_TO_RESET_OFFSET: i32 = 222;
    /// Gantry's own.
    pub const BEGIN_SCALE: i32 = 71_001;
    pub const ABORT_SCALE: i32 = 71_002;
    pub const OPEN_SCALE: i32 = 71_003;
    pub const GET_SCALING: i32 = 71_004;
}

#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    next_opaque: u64,
}

#[derive(Clone, Debug)]
pub struct Request {
    code: i32,
    fields: BTreeMap<String, String>,
    body: Vec<u8>,
}

#[derive(Clone, Debug)]
pub struct Response {
    pub code: i64,
    pub remark: String,
    pub fields: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// What a broker says to a client.
#[derive(Clone, Debug)]
pub enum Incoming {
    Answer { opaque: u64, answer: Response },
    Request { code: i32, fields: BTreeMap<String, String>, body: Vec<u8> },
}

impl Request {
    #[must_use]
    pub fn new(code: i32) -> Self {
        Self { code, fields: BTreeMap::new(), body: Vec::new() }
    }

    #[must_use]
    pub fn field(mut self, name: &str, value: impl ToString) -> Self {
        self.fields.insert(name.into(), value.to_string());
        self
    }

    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

impl Response {
    /// A number among the header fields.
    pub fn number(&self, field: &str) -> Result<i64> {
        let text =
            self.fields.get(field).with_context(|| format!("no field {field} in {:?}", self.fields))?;
        text.parse().with_context(|| format!("{field}={text}"))
    }
}

impl Connection {
    pub fn open(port: u16) -> Result<Self> {
        let stream =
            TcpStream::connect(("127.0.0.1", port)).with_context(|| format!("connecting to port {port}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, next_opaque: 1 })
    }

    /// Sends one request and waits for its answer, whatever its code.
    pub fn call(&mut self, request: &Request) -> Result<Response> {
        let opaque = self.send(request)?;
        loop {
            let (of, answer) = self.next_answer()?;
            if of == opaque {
                return Ok(answer);
            }
        }
    }

    /// Sends one request and waits for nothing. Gives what its answer will be known by.
    pub fn send(&mut self, request: &Request) -> Result<u64> {
        let opaque = self.next_opaque;
        self.next_opaque += 1;
        self.stream.write_all(&encode(request, opaque))?;
        Ok(opaque)
    }

    /// The next answer, whichever request it is for.
    pub fn any_answer(&mut self) -> Result<Response> {
        self.next_answer().map(|(_, answer)| answer)
    }

    /// The next answer, and what its request was known by. A broker may also ask its clients things: not this one.
    pub fn next_answer(&mut self) -> Result<(u64, Response)> {
        loop {
            if let Incoming::Answer { opaque, answer } = self.read_incoming()? {
                return Ok((opaque, answer));
            }
        }
    }

    /// What the broker says next; `None` when it has said nothing for the time of [`Self::patience`].
    pub fn incoming(&mut self) -> Result<Option<Incoming>> {
        // Only looked at: a frame that has begun to come is waited for.
        match self.stream.peek(&mut [0]) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
            Err(error) => Err(error.into()),
            Ok(_) => self.read_incoming().map(Some),
        }
    }

    /// How long it waits for the broker to say something.
    pub fn patience(&mut self, patience: Duration) -> Result<()> {
        Ok(self.stream.set_read_timeout(Some(patience))?)
    }

    fn read_incoming(&mut self) -> Result<Incoming> {
        let (header, body) = self.read_frame()?;
        let answer = response(&header, body);
        Ok(if header["flag"].as_u64().unwrap_or(0) & RESPONSE != 0 {
            let opaque = header["opaque"].as_u64().context("an answer to nothing")?;
            Incoming::Answer { opaque, answer }
        } else {
            let code = i32::try_from(answer.code)?;
            Incoming::Request { code, fields: answer.fields, body: answer.body }
        })
    }

    /// True when nothing has come that was not read.
    pub fn is_silent(&self) -> Result<bool> {
        self.stream.set_nonblocking(true)?;
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false)?;
        match peeked {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(false),
        }
    }

    /// As [`Self::call`], for a request that must succeed.
    pub fn done(&mut self, request: &Request) -> Result<Response> {
        let response = self.call(request)?;
        ensure!(response.code == 0, "{request:?} was answered {} {}", response.code, response.remark);
        Ok(response)
    }

    fn read_frame(&mut self) -> Result<(Value, Vec<u8>)> {
        let length = self.read_length()?;
        let header_length = self.read_length()? & 0x00ff_ffff;
        ensure!(
            length <= MAX_FRAME && header_length + 4 <= length,
            "frame of {length} with a header of {header_length}"
        );
        let mut header = vec![0; header_length];
        self.stream.read_exact(&mut header)?;
        let mut body = vec![0; length - 4 - header_length];
        self.stream.read_exact(&mut body)?;
        let header = serde_json::from_slice(&header)
            .with_context(|| format!("header {}", String::from_utf8_lossy(&header)))?;
        Ok((header, body))
    }

    fn read_length(&mut self) -> Result<usize> {
        let mut bytes = [0; 4];
        self.stream.read_exact(&mut bytes).context("reading a frame")?;
        Ok(usize::try_from(u32::from_be_bytes(bytes))?)
    }
}

fn encode(request: &Request, opaque: u64) -> Vec<u8> {
    let header = json!({
        "code": request.code, "language": "OTHER", "version": 399, "opaque": opaque, "flag": 0,
        "extFields": request.fields, "serializeTypeCurrentRPC": "JSON",
    })
    .to_string();
    let header_length = u32::try_from(header.len()).expect("a header is small");
    let length = u32::try_from(4 + header.len() + request.body.len()).expect("a frame is small");
    [&length.to_be_bytes()[..], &header_length.to_be_bytes(), header.as_bytes(), &request.body].concat()
}

fn response(header: &Value, body: Vec<u8>) -> Response {
    let fields = header["extFields"].as_object().into_iter().flatten();
    Response {
        code: header["code"].as_i64().unwrap_or(0),
        remark: header["remark"].as_str().unwrap_or("").into(),
        fields: fields.map(|(name, value)| (name.clone(), value.as_str().unwrap_or("").into())).collect(),
        body,
    }
}

/// Whether that name server lists a broker of this machine with that port, by whatever address.
pub fn is_registered(name_server: u16, broker: u16) -> Result<bool> {
    let mut connection = Connection::open(name_server)?;
    let cluster = connection.call(&Request::new(code::GET_BROKER_CLUSTER_INFO))?;
    if cluster.code != 0 {
        bail!("cluster info: {} {}", cluster.code, cluster.remark);
    }
    // Searched as text: Apache's name server writes maps that are no JSON.
    let port = format!(":{broker}\"");
    Ok(String::from_utf8_lossy(&cluster.body).contains(&port))
}
