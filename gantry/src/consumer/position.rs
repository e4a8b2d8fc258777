//! Where a queue is started (Apache: `RebalancePushImpl.computePullFromWhere`), and where it ends now.

use super::config::Start;
use super::shared::Shared;
use crate::client::{Error, accept, call};
use gantry_remoting::body::MessageQueue;
use gantry_remoting::header::{QueryConsumerOffset, QueueBound, SearchOffset, ToFields as _};
use gantry_remoting::{CommandBuf, RequestCode, ResponseCode};

/// A place to start at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// The group's own offset.
    Committed(i64),
    /// The group has none, so it is where the user wants to start.
    Chosen(i64),
}

impl Shared {
    /// Where to start in `queue`.
    pub(super) async fn locate(&self, queue: &MessageQueue) -> Result<Position, Error> {
        let committed = if self.config.commits() { self.committed(queue).await? } else { None };
        if !Self::is_retry(&queue.topic) {
            self.note_started(committed.is_some());
        }
        if let Some(offset) = committed {
            return Ok(Position::Committed(offset));
        }
        let chosen = match self.config.start {
            // What a group has still to retry is never skipped.
            _ if Self::is_retry(&queue.topic) => 0,
            Start::Beginning => self.bound(queue, RequestCode::GET_MIN_OFFSET).await?,
            Start::End => self.max_offset(queue).await?,
            Start::Timestamp(timestamp) => self.search(queue, timestamp).await?,
        };
        Ok(Position::Chosen(chosen))
    }

    /// The group's offset, if it has one. A broker must not make one up: a new group on a young topic would start at 0.
    pub(super) async fn committed(&self, queue: &MessageQueue) -> Result<Option<i64>, Error> {
        let header = QueryConsumerOffset {
            consumer_group: &self.config.group,
            topic: &queue.topic,
            queue_id: queue.queue_id,
            set_zero_if_not_found: Some(false),
        };
        let request = RequestCode::QUERY_CONSUMER_OFFSET;
        let addr = self.broker_of(queue).await?;
        let command = header.into_command(CommandBuf::request(request));
        let answer = self.links.request(&addr, command, self.config.timeout).await?;
        if answer.response_code() == ResponseCode::QUERY_NOT_FOUND {
            return Ok(None);
        }
        offset_in(&accept(&addr, request, answer)?, &addr, request).map(Some)
    }

    /// The offset that the next message of `queue` will have.
    pub(super) async fn max_offset(&self, queue: &MessageQueue) -> Result<i64, Error> {
        self.bound(queue, RequestCode::GET_MAX_OFFSET).await
    }

    async fn bound(&self, queue: &MessageQueue, request: RequestCode) -> Result<i64, Error> {
        let header = QueueBound { topic: &queue.topic, queue_id: queue.queue_id };
        self.ask_offset(queue, request, header.into_command(CommandBuf::request(request))).await
    }

    async fn search(&self, queue: &MessageQueue, timestamp: i64) -> Result<i64, Error> {
        let request = RequestCode::SEARCH_OFFSET_BY_TIMESTAMP;
        let header =
            SearchOffset { topic: &queue.topic, queue_id: queue.queue_id, timestamp, boundary_type: None };
        self.ask_offset(queue, request, header.into_command(CommandBuf::request(request))).await
    }

    async fn ask_offset(
        &self,
        queue: &MessageQueue,
        request: RequestCode,
        command: CommandBuf,
    ) -> Result<i64, Error> {
        let addr = self.broker_of(queue).await?;
        let answer = call(&self.links, &addr, command, self.config.timeout).await?;
        offset_in(&answer, &addr, request)
    }
}

fn offset_in(answer: &CommandBuf, addr: &str, request: RequestCode) -> Result<i64, Error> {
    answer.find("offset").and_then(|text| text.parse().ok()).ok_or_else(|| Error::BadAnswer {
        addr: addr.to_owned(),
        request,
        what: "the field offset is missing or no number".into(),
    })
}
