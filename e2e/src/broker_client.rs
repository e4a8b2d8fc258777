//! What checks ask a broker, in single requests.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::await_condition::await_condition;
use crate::record::{Record, encode_properties};
use crate::remoting::{Connection, Request, Response, code};

const PULL_WITH_SUBSCRIPTION: i32 = 4;
const SUCCESS: i64 = 0;
const TOPIC_NOT_EXIST: i64 = 17;
const PULL_NOT_FOUND: i64 = 19;
const PULL_RETRY_IMMEDIATELY: i64 = 20;
const PULL_OFFSET_MOVED: i64 = 21;
const QUERY_NOT_FOUND: i64 = 22;

#[derive(Debug)]
pub struct BrokerClient(Connection);

/// A message to send.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    pub topic: &'a str,
    pub queue: i32,
    pub body: &'a [u8],
    pub properties: &'a [(&'a str, &'a str)],
}

impl Draft<'_> {
    /// The send of it. A topic that it makes has four queues.
    #[must_use]
    pub fn request(&self) -> Request {
        Request::new(code::SEND_MESSAGE_V2)
            .field("a", "e2e")
            .field("b", self.topic)
            .field("c", "TBW102")
            .field("d", 4)
            .field("e", self.queue)
            .field("f", 0)
            .field("g", now_millis())
            .field("h", 0)
            .field("i", encode_properties(self.properties))
            .field("j", 0)
            .field("k", false)
            .field("m", false)
            .body(self.body)
    }
}

/// Where the broker says it put a message.
#[derive(Clone, Debug)]
pub struct Placed {
    pub offset_id: String,
    pub queue_offset: i64,
}

impl BrokerClient {
    pub fn open(port: u16) -> Result<Self> {
        Connection::open(port).map(Self)
    }

    pub fn create_topic(&mut self, topic: &str, read_queues: u32, write_queues: u32) -> Result<()> {
        self.put_topic(topic, read_queues, write_queues, "")
    }

    /// Makes or changes a topic, with changes of attributes in mqadmin's form.
    pub fn put_topic(
        &mut self,
        topic: &str,
        read_queues: u32,
        write_queues: u32,
        attributes: &str,
    ) -> Result<()> {
        let mut request = Request::new(code::UPDATE_AND_CREATE_TOPIC)
            .field("topic", topic)
            .field("defaultTopic", "TBW102")
            .field("readQueueNums", read_queues)
            .field("writeQueueNums", write_queues)
            .field("perm", 6)
            .field("topicFilterType", "SINGLE_TAG")
            .field("topicSysFlag", 0)
            .field("order", false);
        if !attributes.is_empty() {
            request = request.field("attributes", attributes);
        }
        self.0.done(&request).map(drop)
    }

    pub fn delete_topic(&mut self, topic: &str) -> Result<()> {
        self.0.done(&Request::new(code::DELETE_TOPIC_IN_BROKER).field("topic", topic)).map(drop)
    }

    /// Whatever comes of it.
    pub fn try_send(&mut self, draft: &Draft<'_>) -> Result<Response> {
        self.0.call(&draft.request())
    }

    pub fn send(&mut self, draft: &Draft<'_>) -> Result<Placed> {
        let answer = self.try_send(draft)?;
        ensure!(answer.code == SUCCESS, "{draft:?} was answered {} {}", answer.code, answer.remark);
        Ok(Placed {
            offset_id: answer.fields.get("msgId").cloned().unwrap_or_default(),
            queue_offset: answer.number("queueOffset")?,
        })
    }

    /// Registers as a member of the group; it leaves when this connection closes.
    pub fn join(&mut self, group: &str, topic: &str) -> Result<()> {
        let subscription = |topic: &str| {
            json!({"classFilterMode": false, "topic": topic, "subString": "*", "tagsSet": [], "codeSet": [],
                "subVersion": now_millis(), "expressionType": "TAG"})
        };
        let body = json!({
            "clientID": format!("127.0.0.1@{group}"), "heartbeatFingerprint": 0, "withoutSub": false, "producerDataSet": [],
            "consumerDataSet": [{
                "groupName": group, "consumeType": "CONSUME_PASSIVELY", "messageModel": "CLUSTERING",
                "consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET", "unitMode": false,
                "subscriptionDataSet": [subscription(topic), subscription(&format!("%RETRY%{group}"))],
            }],
        });
        self.0.done(&Request::new(code::HEART_BEAT).body(body.to_string())).map(drop)
    }

    /// Everything in a queue from that offset to its end.
    pub fn read(&mut self, topic: &str, queue: i32, from: i64) -> Result<Vec<Record>> {
        self.read_as("e2e-reader", topic, queue, from)
    }

    /// The same, by a group.
    pub fn read_as(&mut self, group: &str, topic: &str, queue: i32, from: i64) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        let mut offset = from;
        loop {
            let answer = self.pull_as(group, topic, queue, offset)?;
            match answer.code {
                SUCCESS => records.extend(Record::all_in(&answer.body)?),
                PULL_NOT_FOUND => return Ok(records),
                other => bail!("pulling {topic}/{queue} at {offset}: {other} {}", answer.remark),
            }
            let next = answer.number("nextBeginOffset")?;
            ensure!(next > offset, "pulling {topic}/{queue} at {offset} leads to {next}");
            offset = next;
        }
    }

    /// Bytes of the records of a queue from that offset to its end, each of which was given out.
    pub fn size(&mut self, topic: &str, queue: i32, from: i64) -> Result<u64> {
        let (mut offset, mut bytes) = (from, 0);
        loop {
            let answer = self.pull(topic, queue, offset)?;
            match answer.code {
                SUCCESS => offset = answer.number("nextBeginOffset")?,
                PULL_NOT_FOUND => return Ok(bytes),
                other => bail!("pulling {topic}/{queue} at {offset}: {other} {}", answer.remark),
            }
            bytes += answer.body.len() as u64;
        }
    }

    /// One pull that does not wait for messages.
    pub fn pull(&mut self, topic: &str, queue: i32, offset: i64) -> Result<Response> {
        self.pull_as("e2e-reader", topic, queue, offset)
    }

    /// The same, by a group.
    pub fn pull_as(&mut self, group: &str, topic: &str, queue: i32, offset: i64) -> Result<Response> {
        let request = Request::new(code::PULL_MESSAGE)
            .field("consumerGroup", group)
            .field("topic", topic)
            .field("queueId", queue)
            .field("queueOffset", offset)
            .field("maxMsgNums", 32)
            .field("sysFlag", PULL_WITH_SUBSCRIPTION)
            .field("commitOffset", 0)
            .field("suspendTimeoutMillis", 0)
            .field("subscription", "*")
            .field("subVersion", now_millis());
        self.0.call(&request)
    }

    /// The records of one pull by a group, damaged or not, and where to go on; none at the end. What the broker passes over is passed
    /// over.
    pub fn pull_records(
        &mut self,
        group: &str,
        topic: &str,
        queue: i32,
        offset: i64,
    ) -> Result<(Vec<Record>, i64)> {
        let mut at = offset;
        // The same offset comes again after the broker has put something right there.
        for _ in 0..10_000 {
            let answer = self.pull_as(group, topic, queue, at)?;
            match answer.code {
                SUCCESS => {
                    return Ok((Record::all_as_they_are(&answer.body)?, answer.number("nextBeginOffset")?));
                }
                PULL_NOT_FOUND => return Ok((Vec::new(), at)),
                PULL_RETRY_IMMEDIATELY => at = answer.number("nextBeginOffset")?,
                // The first messages of the queue are gone: a consumer goes on where it is told that it begins.
                PULL_OFFSET_MOVED if answer.number("nextBeginOffset")? > at => {
                    at = answer.number("nextBeginOffset")?;
                }
                other => bail!("pulling {topic}/{queue} at {at}: {other} {}", answer.remark),
            }
        }
        bail!("pulling {topic}/{queue} from {offset} on leads nowhere: it is at {at}")
    }

    /// Asks for queues of a group in order, each as the protocol writes it. Gives the answer's body.
    pub fn lock(&mut self, group: &str, client: &str, queues: &Value) -> Result<Value> {
        let answer = self.0.done(&lock_request(code::LOCK_BATCH_MQ, group, client, queues))?;
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// Gives them back.
    pub fn unlock(&mut self, group: &str, client: &str, queues: &Value) -> Result<()> {
        self.0.done(&lock_request(code::UNLOCK_BATCH_MQ, group, client, queues)).map(drop)
    }

    pub fn has_topic(&mut self, topic: &str) -> Result<bool> {
        let answer = self.0.call(&Request::new(code::GET_TOPIC_CONFIG).field("topic", topic))?;
        match answer.code {
            SUCCESS => Ok(true),
            TOPIC_NOT_EXIST => Ok(false),
            other => bail!("asking for topic {topic}: {other} {}", answer.remark),
        }
    }

    pub fn max_offset(&mut self, topic: &str, queue: i32) -> Result<i64> {
        self.0
            .done(&Request::new(code::GET_MAX_OFFSET).field("topic", topic).field("queueId", queue))?
            .number("offset")
    }

    /// Messages that a topic's first queues ever had.
    pub fn stored(&mut self, topic: &str, queues: u32) -> Result<i64> {
        (0..queues.cast_signed()).map(|queue| self.max_offset(topic, queue)).sum()
    }

    pub fn min_offset(&mut self, topic: &str, queue: i32) -> Result<i64> {
        self.0
            .done(&Request::new(code::GET_MIN_OFFSET).field("topic", topic).field("queueId", queue))?
            .number("offset")
    }

    pub fn commit(&mut self, group: &str, topic: &str, queue: i32, offset: i64) -> Result<()> {
        let request =
            offset_request(code::UPDATE_CONSUMER_OFFSET, group, topic, queue).field("commitOffset", offset);
        self.0.done(&request).map(drop)
    }

    /// `None` when the group never committed.
    pub fn committed(&mut self, group: &str, topic: &str, queue: i32) -> Result<Option<i64>> {
        let request = offset_request(code::QUERY_CONSUMER_OFFSET, group, topic, queue)
            .field("setZeroIfNotFound", false);
        let answer = self.0.call(&request)?;
        match answer.code {
            SUCCESS => answer.number("offset").map(Some),
            QUERY_NOT_FOUND => Ok(None),
            other => bail!("asking for an offset: {other} {}", answer.remark),
        }
    }

    /// Sets a group to a store time, in every queue.
    pub fn reset(&mut self, group: &str, topic: &str, timestamp: i64) -> Result<()> {
        let request = Request::new(code::INVOKE_BROKER_TO_RESET_OFFSET)
            .field("topic", topic)
            .field("group", group)
            .field("timestamp", timestamp)
            .field("isForce", true);
        self.0.done(&request).map(drop)
    }

    /// The messages with that key, at whatever time.
    pub fn query(&mut self, topic: &str, key: &str, is_unique_key: bool) -> Result<Vec<Record>> {
        let request = Request::new(code::QUERY_MESSAGE)
            .field("topic", topic)
            .field("key", key)
            .field("maxNum", 64)
            .field("beginTimestamp", 0)
            .field("endTimestamp", i64::MAX)
            .field("_UNIQUE_KEY_QUERY", is_unique_key);
        let answer = self.0.call(&request)?;
        match answer.code {
            SUCCESS => Record::all_in(&answer.body),
            QUERY_NOT_FOUND => Ok(Vec::new()),
            other => bail!("asking for key {key}: {other} {}", answer.remark),
        }
    }

    /// The record at that offset of the log.
    pub fn view(&mut self, physical_offset: i64) -> Result<Vec<Record>> {
        Record::all_in(
            &self.0.done(&Request::new(code::VIEW_MESSAGE_BY_ID).field("offset", physical_offset))?.body,
        )
    }

    /// Hands a message back as a consumer whose listener failed does.
    pub fn send_back(&mut self, group: &str, record: &Record, delay_level: i32) -> Result<()> {
        let request = Request::new(code::CONSUMER_SEND_MSG_BACK)
            .field("offset", record.physical_offset)
            .field("group", group)
            .field("delayLevel", delay_level)
            .field("originTopic", &record.topic)
            .field("unitMode", false)
            .field("maxReconsumeTimes", 16);
        self.0.done(&request).map(drop)
    }

    /// Queues of a topic that can be read.
    pub fn read_queues(&mut self, topic: &str) -> Result<i32> {
        let all = self.topic_configs()?;
        let count = all[topic]["readQueueNums"].as_i64();
        Ok(i32::try_from(count.with_context(|| format!("no topic {topic}"))?)?)
    }

    /// `topicConfigTable`, by topic.
    pub fn topic_configs(&mut self) -> Result<Value> {
        table(&self.0.done(&Request::new(code::GET_ALL_TOPIC_CONFIG))?.body, "topicConfigTable")
    }

    /// `subscriptionGroupTable`, by group.
    pub fn group_configs(&mut self) -> Result<Value> {
        table(
            &self.0.done(&Request::new(code::GET_ALL_SUBSCRIPTIONGROUP_CONFIG))?.body,
            "subscriptionGroupTable",
        )
    }

    /// The index is written behind the log, and so is what is read from a queue in some stores.
    pub fn await_indexed(&mut self, topic: &str, key: &str) -> Result<()> {
        await_condition(&format!("{key} of {topic} is indexed"), Duration::from_secs(60), || {
            Ok(!self.query(topic, key, false)?.is_empty())
        })
    }

    /// Apache's broker cannot tell how it does before it has looked at itself once, a second after its start.
    pub fn await_runtime_info(&mut self) -> Result<()> {
        await_condition("the broker tells how it does", Duration::from_secs(60), || {
            Ok(self.0.call(&Request::new(code::GET_BROKER_RUNTIME_INFO))?.code == 0)
        })
    }
}

fn lock_request(code: i32, group: &str, client: &str, queues: &Value) -> Request {
    let body = json!({"consumerGroup": group, "clientId": client, "mqSet": queues});
    Request::new(code).body(body.to_string())
}

fn offset_request(code: i32, group: &str, topic: &str, queue: i32) -> Request {
    Request::new(code).field("consumerGroup", group).field("topic", topic).field("queueId", queue)
}

fn table(body: &[u8], name: &str) -> Result<Value> {
    let mut body: Value = serde_json::from_slice(body)?;
    Ok(body[name].take())
}

fn now_millis() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis())
}
