//! One pull: the request, and what its answer says (Apache: `PullMessageRequestHeader`, `PullStatus`).

use crate::client::Error;
use bytes::Bytes;
use gantry_remoting::body::MessageQueue;
use gantry_remoting::header::{PULL_SUBSCRIPTION, PULL_SUSPEND, PullMessage, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};
use std::time::Duration;

/// How long the broker may hold a pull that finds nothing.
const HOLD: Duration = Duration::from_secs(15);
/// How long an answer is waited for.
pub(super) const PULL_TIMEOUT: Duration = Duration::from_secs(30);
/// Messages in one answer: brokers give no more unless configured to.
const MAX_MESSAGES: i32 = 32;

/// What to pull.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pull<'a> {
    pub(super) group: &'a str,
    pub(super) queue: &'a MessageQueue,
    pub(super) offset: i64,
    /// The tag expression. Sent along, so that it needs no other member's agreement.
    pub(super) subscription: &'a str,
    pub(super) sub_version: i64,
}

impl Pull<'_> {
    pub(super) fn command(&self) -> CommandBuf {
        let header = PullMessage {
            consumer_group: self.group,
            topic: &self.queue.topic,
            queue_id: self.queue.queue_id,
            queue_offset: self.offset,
            max_msg_nums: MAX_MESSAGES,
            // Java's consumers commit on the way. Such a pull can overtake the commit with which a queue is given away,
            // and set it back.
            sys_flag: PULL_SUSPEND | PULL_SUBSCRIPTION,
            commit_offset: 0,
            suspend_timeout_millis: i64::try_from(HOLD.as_millis()).unwrap_or(i64::MAX),
            subscription: Some(self.subscription),
            sub_version: self.sub_version,
            expression_type: Some("TAG"),
            max_msg_bytes: None,
        };
        header
            .into_command(CommandBuf::request(RequestCode::PULL_MESSAGE))
            .with("bname", self.queue.broker_name.as_str())
    }
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pulled {
    /// Messages, still encoded; the queue goes on at `next`.
    Messages { records: Bytes, next: i64, read_from: i64 },
    /// Nothing that matches up to `next`.
    Nothing { next: i64, read_from: i64 },
    /// The offset is outside the queue, or was reset: the queue goes on at `to`.
    Moved { to: i64 },
    /// The broker is busy: ask again in a moment.
    Busy,
}

impl Pulled {
    /// Reads an answer of the broker at `addr`.
    ///
    /// # Errors
    /// A refusal, or an answer that does not say where to go on.
    pub(super) fn read(answer: CommandBuf, addr: &str) -> Result<Self, Error> {
        let request = RequestCode::PULL_MESSAGE;
        let number = |name| answer.find(name).and_then(|text| text.parse::<i64>().ok());
        let next = number("nextBeginOffset").ok_or_else(|| Error::BadAnswer {
            addr: addr.to_owned(),
            request,
            what: "the field nextBeginOffset is missing or no number".into(),
        });
        let read_from = number("suggestWhichBrokerId").unwrap_or(crate::route::MASTER);
        Ok(match answer.response_code() {
            ResponseCode::SUCCESS => Self::Messages { next: next?, read_from, records: answer.body },
            ResponseCode::PULL_NOT_FOUND | ResponseCode::PULL_RETRY_IMMEDIATELY => {
                Self::Nothing { next: next?, read_from }
            }
            ResponseCode::PULL_OFFSET_MOVED => Self::Moved { to: next? },
            ResponseCode::FLOW_CONTROL => Self::Busy,
            code => {
                let remark = answer.remark.unwrap_or_default();
                return Err(Error::Refused { addr: addr.to_owned(), request, code, remark });
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: i32) -> CommandBuf {
        CommandBuf { code, ..CommandBuf::default() }
            .with("nextBeginOffset", "7")
            .with("suggestWhichBrokerId", "1")
    }

    #[test]
    fn each_code_has_its_reaction() {
        let read = |code| Pulled::read(answer(code), "h:1").unwrap();
        assert_eq!(read(0), Pulled::Messages { records: Bytes::new(), next: 7, read_from: 1 });
        assert_eq!(read(19), Pulled::Nothing { next: 7, read_from: 1 });
        assert_eq!(read(20), Pulled::Nothing { next: 7, read_from: 1 });
        assert_eq!(read(21), Pulled::Moved { to: 7 });
        assert_eq!(read(215), Pulled::Busy);
        assert!(matches!(Pulled::read(answer(26), "h:1"), Err(Error::Refused { .. })));
        assert!(matches!(Pulled::read(CommandBuf::default(), "h:1"), Err(Error::BadAnswer { .. })));
        let bare = CommandBuf { code: 1, ..CommandBuf::default() };
        assert!(matches!(Pulled::read(bare, "h:1"), Err(Error::Refused { .. })), "a refusal needs no fields");
    }
}
