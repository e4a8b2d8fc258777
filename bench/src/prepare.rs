//! What has to be there before a load: topics, and where their queues end.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::BytesMut;
use gantry_remoting::command::CommandBuf;
use gantry_remoting::{RequestCode, frame};
use serde_json::json;

use crate::load::Load;

/// A broker may take a while to make many topics.
const PATIENCE: Duration = Duration::from_secs(120);
/// Topics that are made by one request.
const TOGETHER: usize = 1_000;

/// The name of a topic among several; of a single one, the name as it is.
#[must_use]
pub fn topic_name(load: &Load, index: usize) -> String {
    if load.topics == 1 { load.topic.clone() } else { format!("{}-{index}", load.topic) }
}

/// Makes the load's topics on the broker, or gives them the load's number of queues.
///
/// # Errors
/// When the broker refuses.
pub fn create_topics(load: &Load) -> Result<()> {
    let mut caller = Caller::open(load.broker)?;
    if load.topics == 1 {
        let request = CommandBuf::request(RequestCode::UPDATE_AND_CREATE_TOPIC)
            .with("topic", load.topic.clone())
            .with("defaultTopic", "TBW102")
            .with("readQueueNums", load.queues.to_string())
            .with("writeQueueNums", load.queues.to_string())
            .with("perm", "6")
            .with("topicFilterType", "SINGLE_TAG")
            .with("topicSysFlag", "0")
            .with("order", "false");
        return caller.done(request).map(drop);
    }
    for from in (0..load.topics).step_by(TOGETHER) {
        let topics: Vec<_> = (from..load.topics.min(from + TOGETHER))
            .map(|index| {
                json!({"topicName": topic_name(load, index), "readQueueNums": load.queues, "writeQueueNums": load.queues,
                    "perm": 6, "topicFilterType": "SINGLE_TAG", "topicSysFlag": 0, "order": false, "attributes": {}})
            })
            .collect();
        let body = json!({"topicConfigList": topics}).to_string();
        caller.done(CommandBuf::request(RequestCode::UPDATE_AND_CREATE_TOPIC_LIST).with_body(body))?;
    }
    Ok(())
}

/// One request after another.
pub(crate) struct Caller {
    stream: TcpStream,
    broker: SocketAddr,
}

impl Caller {
    pub(crate) fn open(broker: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(broker).with_context(|| format!("connecting to {broker}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, broker })
    }

    /// Where a queue ends.
    pub(crate) fn end(&mut self, topic: &str, queue: i32) -> Result<i64> {
        let request = CommandBuf::request(RequestCode::GET_MAX_OFFSET)
            .with("topic", topic)
            .with("queueId", queue.to_string());
        let answer = self.done(request)?;
        answer.find("offset").context("no offset in the answer")?.parse().context("a queue's end is a number")
    }

    /// Asks what must succeed.
    pub(crate) fn done(&mut self, request: CommandBuf) -> Result<CommandBuf> {
        let mut bytes = BytesMut::new();
        request.encode(&mut bytes);
        self.stream.write_all(&bytes)?;
        let mut came = Vec::new();
        let mut scratch = vec![0; 64 * 1024];
        loop {
            if let Some(frame) = frame::split(&came)? {
                let answer = CommandBuf::decode(frame)?;
                let (code, remark) = (answer.code, answer.remark.as_deref().unwrap_or_default());
                ensure!(code == 0, "{} answers {code} to a request {}: {remark}", self.broker, request.code);
                return Ok(answer);
            }
            let count = self.stream.read(&mut scratch)?;
            ensure!(count > 0, "{} closed the connection", self.broker);
            came.extend_from_slice(&scratch[..count]);
        }
    }
}
