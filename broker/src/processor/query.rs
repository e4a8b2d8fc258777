//! Single messages by id and by key (Apache: `QueryMessageProcessor`).

use super::{failed, in_background};
use crate::broker::Broker;
use crate::session::BrokerSession;
use gantry_remoting::header::{FromFields as _, QueryMessage, ViewMessage};
use gantry_remoting::reply::{Answer, Outbound, Refusal};
use gantry_remoting::{Command, ResponseCode};
use gantry_store::PhysicalOffset;
use std::ops::RangeInclusive;

pub(crate) fn view(broker: &Broker, command: &Command<'_>) -> Result<Answer, Refusal> {
    let header = ViewMessage::from_fields(command.ext)?;
    let message = broker
        .store
        .read_at(PhysicalOffset(header.offset))
        .ok_or_else(|| failed(format!("can not find message by the offset, {}", header.offset)))?;
    Ok(Answer::ok().with_body(message))
}

/// Answers from a thread that may wait for the index and the disk.
pub(crate) fn query(session: &BrokerSession, command: &Command<'_>, out: &mut Outbound) {
    let to = command.reply_to();
    let query = match QueryMessage::from_fields(command.ext) {
        Ok(header) => KeyQuery::new(&header, session.broker.config().default_query_max_num),
        Err(error) => return out.answer(to, &Refusal::from(error).into()),
    };
    in_background(session, to, move |broker, out| out.answer(to, &query.run(broker)));
}

struct KeyQuery {
    topic: String,
    key: String,
    times: RangeInclusive<i64>,
    max: usize,
}

impl KeyQuery {
    fn new(header: &QueryMessage<'_>, limit: i32) -> Self {
        /// Apache's `maxMsgsNumBatch`.
        const MOST: i32 = 64;
        // A unique key is asked for with any limit, and has one message, or a few retries.
        let max = if header.unique_key_query { limit.max(1) } else { header.max_num.clamp(0, MOST) };
        Self {
            topic: header.topic.into(),
            key: header.key.into(),
            times: header.begin_timestamp..=header.end_timestamp,
            max: max as usize,
        }
    }

    fn run(&self, broker: &Broker) -> Answer {
        /// What fits a frame beside a header: clients refuse larger ones.
        const MOST_BYTES: usize = gantry_remoting::frame::MAX_FRAME - 64 * 1024;
        let mut found = broker.store.query(&self.topic, &self.key, &self.times, self.max);
        let mut bytes = 0;
        found.retain(|message| {
            bytes += message.len();
            bytes <= MOST_BYTES
        });
        let (timestamp, place) = broker.store.index_last_update();
        let answer =
            Answer::ok().with("indexLastUpdateTimestamp", timestamp).with("indexLastUpdatePhyoffset", place);
        if found.is_empty() {
            let text = "can not find message, maybe time range not correct";
            return answer.with_code(ResponseCode::QUERY_NOT_FOUND, text);
        }
        answer.with_body(found.concat())
    }
}
