//! Telling the broker how far the group is.

use super::queue::Queue;
use super::shared::Shared;
use crate::client::{Error, call};
use gantry_remoting::header::{ToFields as _, UpdateConsumerOffset};
use gantry_remoting::{CommandBuf, RequestCode};

impl Shared {
    /// Commits the position of `queue`, unless the broker has it. `Ok` holds whether there was something to commit.
    ///
    /// Unlike Java's clients, which send offsets without wanting an answer, this waits until the broker has it.
    pub(super) async fn commit(&self, queue: &Queue) -> Result<bool, Error> {
        let Some(offset) = queue.uncommitted().filter(|_| self.config.commits()) else { return Ok(false) };
        let header = UpdateConsumerOffset {
            consumer_group: &self.config.group,
            topic: &queue.name.topic,
            queue_id: queue.name.queue_id,
            commit_offset: offset,
        };
        let addr = self.broker_of(&queue.name).await?;
        let command = header.into_command(CommandBuf::request(RequestCode::UPDATE_CONSUMER_OFFSET));
        call(&self.links, &addr, command, self.config.timeout).await?;
        queue.set_committed(offset);
        Ok(true)
    }

    /// Commits all queues; what fails is tried again the next time.
    pub(super) async fn commit_all(&self) {
        let queues: Vec<_> = self.queues.lock().values().cloned().collect();
        for queue in queues {
            if let Err(error) = self.commit(&queue).await {
                tracing::debug!(queue = ?queue.name, %error, "cannot commit an offset");
            }
        }
    }
}
