//! What a broker says of a message it stored.

use super::SendStatus;
use crate::client::Error;
use gantry_remoting::body::MessageQueue;
use gantry_remoting::{CommandBuf, RequestCode};

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The id that clients show: the unique key.
    pub message_id: String,
    /// The broker's id: its address and the place in its log.
    pub offset_message_id: String,
    /// The queue that took it.
    pub queue: MessageQueue,
    /// Its place in the queue. For a delayed message: in the queue where it waits.
    pub queue_offset: i64,
    /// How safe it is.
    pub status: SendStatus,
    /// How many brokers or queues were tried.
    pub attempts: u32,
}

impl Receipt {
    /// Reads the answer to a send to `queue`.
    ///
    /// # Errors
    /// When the answer lacks what it must have. The message is stored nevertheless.
    pub(super) fn read(
        answer: &CommandBuf,
        addr: &str,
        queue: &MessageQueue,
        message_id: String,
        status: SendStatus,
    ) -> Result<Self, Error> {
        let field = |name: &str| {
            answer.find(name).ok_or_else(|| Error::BadAnswer {
                addr: addr.to_owned(),
                request: RequestCode::SEND_MESSAGE_V2,
                what: format!("the field {name} is missing"),
            })
        };
        let number = |name: &str| {
            field(name)?.parse::<i64>().map_err(|_| Error::BadAnswer {
                addr: addr.to_owned(),
                request: RequestCode::SEND_MESSAGE_V2,
                what: format!("the field {name} is no number"),
            })
        };
        // A broker may store in another queue than asked.
        let queue_id = number("queueId").map(|id| i32::try_from(id).unwrap_or(queue.queue_id))?;
        Ok(Self {
            message_id,
            offset_message_id: field("msgId")?.to_owned(),
            queue: MessageQueue { queue_id, ..queue.clone() },
            queue_offset: number("queueOffset")?,
            status,
            attempts: 1,
        })
    }
}
