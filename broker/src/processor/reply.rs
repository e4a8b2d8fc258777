//! SEND_REPLY_MESSAGE and SEND_REPLY_MESSAGE_V2: the answer to a request goes to whoever sent that (Apache:
//! `ReplyMessageProcessor`).

use super::append::{append, illegal};
use super::failed;
use super::send::{any_queue, check_topic};
use crate::broker::Broker;
use crate::clock::now_ms;
use crate::session::BrokerSession;
use crate::topics::Topic;
use bytes::Bytes;
use gantry_message::hash::tag_code;
use gantry_message::{Host, id, properties, sys_flag};
use gantry_remoting::header::{FromFields as _, PushReplyMessage, SendMessage, SendMessageV2, ToFields as _};
use gantry_remoting::reply::{Answer, Outbound, Refusal};
use gantry_remoting::server::Peer;
use gantry_remoting::{Command, CommandBuf, RequestCode, ResponseCode};
use gantry_store::{NewMessage, Tag};
use std::sync::Arc;
use std::time::Duration;

/// How long whoever sent the request has to take the answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An answer on its way.
struct Reply {
    topic: Arc<Topic>,
    queue: i32,
    /// Whoever sent the request; the error says why nobody is there.
    requester: Result<Arc<Peer>, String>,
    push: CommandBuf,
    flag: i32,
    sys_flag: i32,
    born_timestamp: i64,
    born_host: Host,
    reconsume_times: i32,
    properties: String,
    body: Bytes,
}

pub(crate) fn reply(session: &BrokerSession, command: &Command<'_>, out: &mut Outbound) {
    let to = command.reply_to();
    let reply = match prepare(session, command) {
        Ok(reply) => reply,
        Err(refusal) => return out.refuse(to, refusal.code, &refusal.remark),
    };
    let (broker, peer) = (Arc::clone(&session.broker), Arc::clone(&session.peer));
    tokio::spawn(async move {
        let answer = reply.deliver(&broker).await;
        let mut out = Outbound::default();
        out.answer(to, &answer.unwrap_or_else(Answer::from));
        // A client that is gone needs no answer.
        let _ = peer.send(&mut out);
    });
}

fn prepare(session: &BrokerSession, command: &Command<'_>) -> Result<Reply, Refusal> {
    let broker = &session.broker;
    let header = match command.request_code() {
        RequestCode::SEND_REPLY_MESSAGE => SendMessage::from_fields(command.ext)?.into(),
        _ => SendMessageV2::from_fields(command.ext)?,
    };
    let text = header.properties.unwrap_or_default();
    let topic = check_topic(broker, session, &header, false)?;
    if command.body.len() > broker.config().max_message_size || text.len() > properties::MAX_LEN {
        return Err(illegal(broker, command.body.len()));
    }
    let client = properties::find(text, properties::REPLY_TO_CLIENT);
    let requester = match client {
        None => Err(format!("reply message properties[{}] is null", properties::REPLY_TO_CLIENT)),
        Some(client) => broker
            .producers
            .find(client)
            .ok_or_else(|| format!("push reply message fail, channel of <{client}> not found.")),
    };
    let mut pushed = text.to_owned();
    properties::set(&mut pushed, properties::PUSH_REPLY_TIME, &now_ms().to_string());
    let body = Bytes::copy_from_slice(command.body);
    let push = PushReplyMessage {
        producer_group: header.producer_group,
        topic: header.topic,
        default_topic: header.default_topic.unwrap_or_default(),
        default_topic_queue_nums: header.default_topic_queue_nums,
        queue_id: header.queue_id,
        sys_flag: header.sys_flag,
        born_timestamp: header.born_timestamp,
        flag: header.flag,
        properties: Some(&pushed),
        reconsume_times: header.reconsume_times,
        unit_mode: header.unit_mode,
        born_host: &session.peer.addr().to_string(),
        store_host: &broker.config().advertised().to_string(),
        store_timestamp: now_ms(),
    }
    .into_command(CommandBuf::request(RequestCode::PUSH_REPLY_MESSAGE_TO_CLIENT))
    .with_body(body.clone());
    let queues = topic.config().write_queue_nums;
    Ok(Reply {
        queue: if header.queue_id < 0 { any_queue(queues) } else { header.queue_id },
        topic,
        requester,
        push,
        flag: header.flag,
        // It is no part of a transaction: recovery would pass over it, and leave a hole in its queue.
        sys_flag: header.sys_flag & !sys_flag::TRANSACTION_MASK,
        born_timestamp: header.born_timestamp,
        born_host: Host::new(session.peer.addr()),
        reconsume_times: header.reconsume_times.unwrap_or(0),
        properties: text.to_owned(),
        body,
    })
}

impl Reply {
    async fn deliver(self, broker: &Broker) -> Result<Answer, Refusal> {
        let Self { requester, push, .. } = &self;
        let pushed = match requester {
            Err(why) => Err(failed(why)),
            Ok(requester) => match requester.request(push.clone(), TIMEOUT).await {
                Ok(answer) if answer.response_code() == ResponseCode::SUCCESS => Ok(()),
                Ok(answer) => {
                    let why = answer.remark.unwrap_or_default();
                    Err(failed(format!("push reply message to {} fail. {why}", requester.addr())))
                }
                Err(error) => {
                    Err(failed(format!("push reply message to {} fail. {error}", requester.addr())))
                }
            },
        };
        // Stored in any case: whoever sent the request may look for it.
        let place = if broker.config().store_reply_message_enable { self.store(broker) } else { None };
        pushed.inspect_err(|refusal| tracing::warn!(%refusal, "nobody takes the answer to a request"))?;
        let (id, offset) = place.unwrap_or_else(|| ("0".to_owned(), 0));
        Ok(Answer::ok()
            .with("msgId", id)
            .with("queueId", self.queue)
            .with("queueOffset", offset)
            .with("MSG_REGION", &broker.config().region_id)
            .with("TRACE_ON", broker.config().trace_on))
    }

    /// Gives its id and offset.
    fn store(&self, broker: &Broker) -> Option<(String, i64)> {
        let message = NewMessage {
            flag: self.flag,
            sys_flag: self.sys_flag,
            born_timestamp: self.born_timestamp,
            born_host: self.born_host,
            reconsume_times: self.reconsume_times,
            prepared_transaction_offset: 0,
            body: &self.body,
            properties: &self.properties,
            extra_properties: "",
            tag: Tag::Code(tag_code(properties::find(&self.properties, properties::TAGS))),
        };
        match append(broker, &self.topic, self.queue, &message) {
            Ok((_, place)) => {
                let host = broker.store.config().store_host;
                Some((id::offset_id(host, place.physical_offset.0), place.queue_offset.0))
            }
            Err(refusal) => {
                tracing::warn!(%refusal, topic = self.topic.name(), "the answer to a request is not stored");
                None
            }
        }
    }
}
