//! Queue locks: while a member holds one, no other orderly member reads the queue.

use super::shared::Shared;
use crate::client::{Access, Error, call};
use gantry_remoting::body::{LockBatchRequest, LockBatchResponse, MessageQueue};
use gantry_remoting::{CommandBuf, RequestCode, fastjson};
use std::collections::BTreeMap;
use std::time::Instant;

impl Shared {
    /// Asks for the locks of `queues`; those that we have now. A broker that does not answer gives none.
    pub(super) async fn lock(&self, queues: &[MessageQueue]) -> Vec<(MessageQueue, Instant)> {
        let mut held = Vec::new();
        for (broker_name, queues) in by_broker(queues) {
            let asked = Instant::now();
            match self.lock_on(broker_name, queues).await {
                Ok(locked) => held.extend(locked.into_iter().map(|queue| (queue, asked))),
                Err(error) => tracing::debug!(broker_name, %error, "cannot lock queues"),
            }
        }
        held
    }

    /// Renews the locks of all our queues, and notices those that were lost.
    pub(super) async fn renew_locks(&self) {
        let queues: Vec<_> = self.queues.lock().values().cloned().collect();
        let mut by_broker_name: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for queue in queues {
            by_broker_name.entry(queue.name.broker_name.clone()).or_default().push(queue);
        }
        for (broker_name, queues) in by_broker_name {
            let asked = Instant::now();
            let names = queues.iter().map(|queue| queue.name.clone()).collect();
            match self.lock_on(&broker_name, names).await {
                Ok(locked) => {
                    for queue in queues {
                        queue.set_locked(locked.contains(&queue.name), asked);
                    }
                }
                // What we hold runs out by itself.
                Err(error) => tracing::debug!(broker_name, %error, "cannot renew locks"),
            }
        }
    }

    /// Gives locks back, so that the next member need not wait until they run out.
    pub(super) async fn unlock(&self, queues: &[MessageQueue]) {
        for (broker_name, queues) in by_broker(queues) {
            if let Err(error) = self.ask(RequestCode::UNLOCK_BATCH_MQ, broker_name, queues).await {
                tracing::debug!(broker_name, %error, "cannot unlock queues");
            }
        }
    }

    async fn lock_on(
        &self,
        broker_name: &str,
        queues: Vec<MessageQueue>,
    ) -> Result<Vec<MessageQueue>, Error> {
        let request = RequestCode::LOCK_BATCH_MQ;
        let (addr, answer) = self.ask(request, broker_name, queues).await?;
        let response: LockBatchResponse = fastjson::from_slice(&answer.body)
            .map_err(|error| Error::BadAnswer { addr, request, what: error.to_string() })?;
        Ok(response.locked)
    }

    async fn ask(
        &self,
        request: RequestCode,
        broker_name: &str,
        queues: Vec<MessageQueue>,
    ) -> Result<(String, CommandBuf), Error> {
        let topology = self.topology().await?;
        let addr = topology
            .master(broker_name)
            .ok_or_else(|| Error::NoQueue { topic: self.config.topic.clone(), access: Access::Read })?
            .to_owned();
        let body = LockBatchRequest {
            consumer_group: self.config.group.clone(),
            client_id: self.client_id.clone(),
            only_this_broker: false,
            mq_set: queues,
        };
        let command = CommandBuf::request(request).with_body(fastjson::to_vec(&body));
        let answer = call(&self.links, &addr, command, self.config.timeout).await?;
        Ok((addr, answer))
    }
}

fn by_broker(queues: &[MessageQueue]) -> BTreeMap<&str, Vec<MessageQueue>> {
    let mut brokers: BTreeMap<&str, Vec<MessageQueue>> = BTreeMap::new();
    for queue in queues {
        brokers.entry(&queue.broker_name).or_default().push(queue.clone());
    }
    brokers
}
