//! Requests that a consumer answers: the broker passes them on and brings the answer back (Apache: `Broker2Client`).

use super::{SEE_ALSO, failed};
use crate::session::BrokerSession;
use gantry_message::id;
use gantry_remoting::body::QueueMap;
use gantry_remoting::command::Command;
use gantry_remoting::header::{
    ConsumeMessageDirectly, ConsumerRunningInfo, ConsumerStatus, FromFields as _, ToFields as _,
};
use gantry_remoting::reply::{Answer, Outbound, Refusal};
use gantry_remoting::server::{Peer, RequestError};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode, fastjson};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long the consumer has.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Consumers from this version on (V3_1_8_SNAPSHOT) can answer.
const FIRST_VERSION: i32 = 62;

/// GET_CONSUMER_RUNNING_INFO and CONSUME_MESSAGE_DIRECTLY.
pub(crate) fn relay(session: &BrokerSession, command: &Command<'_>, out: &mut Outbound) {
    let to = command.reply_to();
    let (consumer, question) = match prepare(session, command) {
        Ok(prepared) => prepared,
        Err(refusal) => return out.answer(to, &refusal.into()),
    };
    let peer = Arc::clone(&session.peer);
    tokio::spawn(async move {
        let answer = match consumer.request(question, TIMEOUT).await {
            Ok(reply) => {
                let answer = Answer::ok().with_body(reply.body);
                match reply.remark {
                    Some(remark) => answer.with_code(ResponseCode(reply.code), remark),
                    None if reply.code != 0 => answer.with_code(ResponseCode(reply.code), ""),
                    None => answer,
                }
            }
            Err(error @ RequestError::Timeout) => {
                Refusal::new(ResponseCode(207), format!("consumer {}: {error}", consumer.addr())).into()
            }
            Err(error) => failed(format!("consumer {}: {error}", consumer.addr())).into(),
        };
        let mut out = Outbound::default();
        out.answer(to, &answer);
        // A client that is gone needs no answer.
        let _ = peer.send(&mut out);
    });
}

fn prepare(session: &BrokerSession, command: &Command<'_>) -> Result<(Arc<Peer>, CommandBuf), Refusal> {
    let broker = &session.broker;
    let mut question = command.to_buf();
    let (group, client_id) = if command.request_code() == RequestCode::CONSUME_MESSAGE_DIRECTLY {
        let header = ConsumeMessageDirectly::from_fields(command.ext)?;
        let offset = header.msg_id.and_then(id::parse_offset_id).map(|(_, offset)| offset);
        let offset = offset.ok_or_else(|| failed("msgId is not the id of a message of this broker"))?;
        let message = broker.store.read_at(gantry_store::PhysicalOffset(offset));
        question.body =
            message.ok_or_else(|| failed(format!("can not find message by the offset, {offset}")))?;
        question.ext.push(("brokerName".into(), broker.config().broker_name.clone()));
        (header.consumer_group, header.client_id.unwrap_or_default())
    } else {
        let header = ConsumerRunningInfo::from_fields(command.ext)?;
        (header.consumer_group, header.client_id)
    };
    let client = broker
        .consumers
        .client(group, client_id)
        .ok_or_else(|| failed(format!("The Consumer <{group}> <{client_id}> not online")))?;
    if client.version < FIRST_VERSION {
        return Err(failed(format!(
            "The Consumer <{client_id}> Version <{}> too low to finish{SEE_ALSO}",
            client.version
        )));
    }
    Ok((client.peer, question))
}

/// INVOKE_BROKER_TO_GET_CONSUMER_STATUS: where each member of a group says that it is.
pub(crate) fn consumer_status(session: &BrokerSession, command: &Command<'_>, out: &mut Outbound) {
    let to = command.reply_to();
    let header = match ConsumerStatus::from_fields(command.ext) {
        Ok(header) => header,
        Err(error) => return out.answer(to, &Refusal::from(error).into()),
    };
    let (group, only) = (header.group.to_owned(), header.client_addr.filter(|id| !id.is_empty()));
    let broker = &session.broker;
    let members: Vec<_> = broker
        .consumers
        .client_ids(&group)
        .into_iter()
        .filter(|id| only.is_none_or(|only| only == id))
        .filter_map(|id| Some((broker.consumers.client(&group, &id)?, id)))
        .collect();
    if members.is_empty() {
        let text = format!("No Any Consumer online in the consumer group: [{group}]");
        return out.answer(to, &failed(text).into());
    }
    let question = ConsumerStatus { client_addr: None, ..header }
        .into_command(CommandBuf::request(RequestCode::GET_CONSUMER_STATUS_FROM_CLIENT));
    let peer = Arc::clone(&session.peer);
    tokio::spawn(async move {
        let mut body = StatusBody::default();
        for (member, id) in members {
            match member.peer.request(question.clone(), TIMEOUT).await {
                Ok(answer) => {
                    if let Ok(status) = fastjson::from_slice::<ClientStatus>(&answer.body) {
                        body.consumer_table.insert(id, status.message_queue_table);
                    }
                }
                Err(error) => {
                    tracing::warn!(group, client = id, %error, "a consumer does not say where it is")
                }
            }
        }
        let mut out = Outbound::default();
        out.answer(to, &Answer::json(&body));
        // A client that is gone needs no answer.
        let _ = peer.send(&mut out);
    });
}

/// Apache: `GetConsumerStatusBody`.
#[derive(Default, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusBody {
    consumer_table: BTreeMap<String, QueueMap<i64>>,
    message_queue_table: QueueMap<i64>,
}

/// What a client answers: the same class, with the other field.
#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ClientStatus {
    message_queue_table: QueueMap<i64>,
}
