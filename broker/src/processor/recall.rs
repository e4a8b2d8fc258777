//! RECALL_MESSAGE, and sends that take another message back (Apache: `RecallMessageProcessor`, `TIMER_DEL_UNIQKEY`).

use super::send::{Stored, answer_send};
use super::{in_background, no_topic};
use crate::broker::Broker;
use crate::clock::now_ms;
use crate::session::BrokerSession;
use crate::timers::handle;
use gantry_message::properties;
use gantry_remoting::body::PERM_WRITE;
use gantry_remoting::header::{FromFields as _, RecallMessage};
use gantry_remoting::reply::{Answer, Outbound, Refusal, ReplyTo};
use gantry_remoting::{Command, ResponseCode};
use gantry_store::{Appended, FlushMode};

/// A message to take back.
pub(super) struct Recall {
    topic: String,
    key: String,
    /// Where the send that takes it back was for.
    queue_id: i32,
}

impl Recall {
    /// What a message sent to `topic` takes back, if it does.
    pub(super) fn of(text: &str, topic: &str, queue_id: i32) -> Option<Self> {
        let key = properties::find(text, properties::TIMER_DEL_UNIQKEY)?;
        // With its topic since there are handles, without it before.
        let key = key.strip_prefix(topic).and_then(|rest| rest.strip_prefix('+')).unwrap_or(key);
        Some(Self { topic: topic.to_owned(), key: key.to_owned(), queue_id })
    }

    /// Waits for the index, and for the disk if a send would.
    fn run(&self, broker: &Broker) -> Result<Appended, Refusal> {
        let mark = broker.timers.recall(broker, &self.topic, &self.key)?;
        if broker.store.config().flush == FlushMode::Sync {
            let late = |error: std::io::Error| {
                Refusal::new(ResponseCode::FLUSH_DISK_TIMEOUT, format!("flush disk timeout: {error}"))
            };
            broker.store.flush().map_err(late)?;
        }
        Ok(mark)
    }
}

/// Takes a message back by a send, and answers as to any other.
pub(super) fn recall_by_message(session: &BrokerSession, to: ReplyTo, recall: Recall) {
    in_background(session, to, move |broker, out| match recall.run(broker) {
        Ok(mark) => {
            let stored = Stored::new(recall.queue_id, &mark);
            answer_send(broker, out, to, ResponseCode::SUCCESS, &stored);
        }
        Err(refusal) => out.refuse(to, refusal.code, &refusal.remark),
    });
}

pub(crate) fn recall(session: &BrokerSession, command: &Command<'_>, out: &mut Outbound) {
    let to = command.reply_to();
    let recall = match check(&session.broker, command) {
        Ok(recall) => recall,
        Err(refusal) => return out.refuse(to, refusal.code, &refusal.remark),
    };
    in_background(session, to, move |broker, out| {
        let answer = recall.run(broker).map(|_| Answer::ok().with("msgId", &recall.key));
        out.answer(to, &answer.unwrap_or_else(Answer::from));
    });
}

fn check(broker: &Broker, command: &Command<'_>) -> Result<Recall, Refusal> {
    let header = RecallMessage::from_fields(command.ext)?;
    let config = &broker.config();
    if !config.recall_message_enable {
        let text = "recall failed, operation is forbidden (recallMessageEnable is false)";
        return Err(Refusal::new(ResponseCode::NO_PERMISSION, text));
    }
    if config.broker_permission & PERM_WRITE == 0 {
        let text = "recall failed, broker service not available: it may not be written";
        return Err(Refusal::new(ResponseCode::SERVICE_NOT_AVAILABLE, text));
    }
    if broker.topics.get(header.topic).is_none() {
        return Err(no_topic(header.topic));
    }
    let illegal =
        |text: &str| Refusal::new(ResponseCode::ILLEGAL_OPERATION, format!("recall failed, {text}"));
    let handle = handle::read(header.recall_handle).ok_or_else(|| illegal("recall handle is invalid"))?;
    if handle.topic != header.topic {
        return Err(illegal("topic not match"));
    }
    if handle.broker_name != config.broker_name {
        return Err(illegal(&format!("the message is with broker {}", handle.broker_name)));
    }
    let left = handle.at.unwrap_or(0).saturating_sub(now_ms());
    if left <= 0 || left >= config.timer_max_delay_sec.saturating_mul(1000) {
        return Err(illegal("timestamp invalid: the message was delivered, or never was to be"));
    }
    Ok(Recall { topic: handle.topic, key: handle.key, queue_id: 0 })
}
